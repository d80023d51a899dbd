# Production: an instance of our own with a standby, behind the load balancer, two instances always warm.
environment = "production"
project     = "sizzle-production"
region      = "asia-south1"

state_bucket = "sizzle-production-terraform"

domain = "api.sizzle.example"

database                 = "cloud_sql"
database_max_connections = 400
database_tier            = "db-custom-2-8192"

scale = {
  auth     = { min = 1, max = 3 }
  customer = { min = 1, max = 8 }
}

settings = {
  ACCESS_TOKEN_SECONDS   = "900"
  CORS_ORIGINS           = "https://sizzle.example"
  MAIL_FROM              = "Sizzle <hello@sizzle.example>"
  PAYMENT_RETURN_URL     = "https://sizzle.example/paid"
  PHONEPE_API            = "v2"
  PHONEPE_AUTH_URL       = "https://api.phonepe.com/apis/identity-manager"
  PHONEPE_CLIENT_ID      = "SIZZLE-CLIENT"
  PHONEPE_CLIENT_VERSION = "1"
  PHONEPE_MERCHANT_ID    = "SIZZLE"
  PHONEPE_PG_URL         = "https://api.phonepe.com/apis/pg"
  START_WINDOW_MINUTES   = "60"
  SUPPLIER_ADDRESS       = "Mumbai 400050"
  SUPPLIER_GSTIN         = "27AAAAA0000A1Z5"
  SUPPLIER_NAME          = "Sizzle"
  SUPPLIER_STATE         = "Maharashtra"
  UPSTASH_REDIS_REST_URL = "https://production.upstash.io"
}

secret_versions = {
  JWT_KEYS                 = 1
  OTP_KEYS                 = 1
  PHONEPE_CLIENT_SECRET    = 1
  PHONEPE_WEBHOOK_KEYS     = 1
  REFRESH_KEYS             = 1
  RESEND_API_KEY           = 1
  UPSTASH_REDIS_REST_TOKEN = 1
}

alert_emails   = ["oncall@sizzle.example"]
monthly_budget = 500
