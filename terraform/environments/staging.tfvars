# Staging: Neon's smallest useful size, no load balancer, the gateway's sandbox.
environment = "staging"
project     = "sizzle-staging"
region      = "asia-south1"

state_bucket = "sizzle-staging-terraform"

database                 = "neon"
database_max_connections = 225 # 0.5 CU

scale = {
  auth     = { max = 1 }
  customer = { max = 1 }
  chef     = { max = 1 }
  admin    = { max = 1 }
  payments = { max = 1 }
  callback = { max = 1 }
  docs     = { max = 1 }
  schedule = { max = 1 }
}

settings = {
  ACCESS_TOKEN_SECONDS   = "900"
  CORS_ORIGINS           = "http://localhost:5173"
  MAIL_FROM              = "Sizzle staging <hello@staging.sizzle.example>"
  PAYMENT_RETURN_URL     = "http://localhost:5173/paid"
  PHONEPE_API            = "v2"
  PHONEPE_AUTH_URL       = "https://api-preprod.phonepe.com/apis/pg-sandbox"
  PHONEPE_CLIENT_ID      = "SIZZLE-SANDBOX-CLIENT"
  PHONEPE_CLIENT_VERSION = "1"
  PHONEPE_MERCHANT_ID    = "PGTESTPAYUAT86"
  PHONEPE_PG_URL         = "https://api-preprod.phonepe.com/apis/pg-sandbox"
  START_WINDOW_MINUTES   = "0"
  SUPPLIER_ADDRESS       = "Not a place"
  SUPPLIER_GSTIN         = "27AAAAA0000A1Z5"
  SUPPLIER_NAME          = "Sizzle staging"
  SUPPLIER_STATE         = "Maharashtra"
  UPSTASH_REDIS_REST_URL = "https://staging.upstash.io"
}

secret_versions = {
  DATABASE_URL             = 1
  DATABASE_URL_DIRECT      = 1
  JWT_KEYS                 = 1
  OTP_KEYS                 = 1
  PHONEPE_CLIENT_SECRET    = 1
  PHONEPE_WEBHOOK_KEYS     = 1
  REFRESH_KEYS             = 1
  RESEND_API_KEY           = 1
  UPSTASH_REDIS_REST_TOKEN = 1
}

alert_emails   = ["staging@sizzle.example"]
monthly_budget = 50
