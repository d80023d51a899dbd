# What does not fit together is refused before anything is made.

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
  override_during = plan
  mock_resource "google_sql_database_instance" {
    defaults = { connection_name = "booking-test:asia-south1:booking" }
  }
}

variables {
  project      = "booking-test"
  environment  = "staging"
  manifest     = "tests/fixtures/manifest.json"
  state_bucket = "booking-test-terraform"
  alert_emails = ["oncall@sizzle.example"]

  database_max_connections = 400

  settings = {
    ACCESS_TOKEN_SECONDS   = "900"
    MAIL_FROM              = "Sizzle <hello@sizzle.example>"
    PAYMENT_RETURN_URL     = "https://sizzle.example/paid"
    PHONEPE_API            = "v2"
    PHONEPE_AUTH_URL       = "https://gateway.example/identity"
    PHONEPE_BASE_URL       = "https://gateway.example"
    PHONEPE_CLIENT_ID      = "CLIENT"
    PHONEPE_CLIENT_VERSION = "1"
    PHONEPE_MERCHANT_ID    = "SIZZLE"
    PHONEPE_PG_URL         = "https://gateway.example/pg"
    START_WINDOW_MINUTES   = "60"
    SUPPLIER_ADDRESS       = "Mumbai 400050"
    SUPPLIER_GSTIN         = "27AAAAA0000A1Z5"
    SUPPLIER_NAME          = "Sizzle"
    SUPPLIER_STATE         = "Maharashtra"
    UPSTASH_REDIS_REST_URL = "https://redis.example"
  }

  secret_versions = {
    DATABASE_URL             = 3
    DATABASE_URL_DIRECT      = 4
    JWT_KEYS                 = 5
    OTP_KEYS                 = 6
    PHONEPE_CLIENT_SECRET    = 11
    PHONEPE_SALT_KEYS        = 7
    PHONEPE_WEBHOOK_KEYS     = 12
    REFRESH_KEYS             = 8
    RESEND_API_KEY           = 9
    UPSTASH_REDIS_REST_TOKEN = 10
  }
}


# An environment of its own, another database, a URL for a domain, a limit that a carrier's customers share, nobody to tell,
# more kept instances than allowed, a setting nobody lists: each is refused by itself.
run "what_no_variable_takes" {
  command = plan

  variables {
    environment         = "prod"
    database            = "sqlite"
    domain              = "https://api.sizzle.example/"
    requests_per_minute = 10
    alert_emails        = []
    scale               = { chef = { min = 3, max = 2 } }
    settings            = { ACCESS_TOKEN_SECOND = "900" }
  }

  expect_failures = [var.environment, var.database, var.domain, var.requests_per_minute, var.alert_emails, var.scale, var.settings]
}

run "a_secret_in_plain" {
  command = plan

  variables {
    settings = { JWT_KEYS = "1:no" }
  }

  expect_failures = [var.settings]
}

# Instances of nothing, and no way for mails.
run "what_has_no_place" {
  command = plan

  variables {
    scale = { chief = { max = 2 } }
    secret_versions = {
      DATABASE_URL             = 1
      DATABASE_URL_DIRECT      = 1
      JWT_KEYS                 = 1
      OTP_KEYS                 = 1
      PHONEPE_CLIENT_SECRET    = 1
      PHONEPE_SALT_KEYS        = 1
      PHONEPE_WEBHOOK_KEYS     = 1
      REFRESH_KEYS             = 1
      UPSTASH_REDIS_REST_TOKEN = 1
    }
  }

  expect_failures = [var.scale, var.secret_versions]
}

# A misspelt name is a version of no secret, and leaves a secret without one.
run "a_version_of_no_secret" {
  command = plan

  variables {
    secret_versions = {
      DATABASE_URL             = 1
      DATABASE_URL_DIRECT      = 1
      JWT_KEYS                 = 1
      OTP_KEYS                 = 1
      PHONEPE_CLIENT_SECRET    = 1
      PHONEPE_SALT_KEYS        = 1
      REFRESH_KEYS             = 1
      RESEND_API_KEY           = 1
      UPSTASH_REDIS_REST_TOKEN = 1
      PHONEPE_WEBHOOK_KEY      = 1
    }
  }

  expect_failures = [var.secret_versions]
}

run "a_setting_that_follows" {
  command = plan

  variables {
    settings = {
      ACCESS_TOKEN_SECONDS   = "900"
      MAIL_FROM              = "Sizzle <hello@sizzle.example>"
      PAYMENT_RETURN_URL     = "https://sizzle.example/paid"
      PHONEPE_API            = "v2"
      PHONEPE_AUTH_URL       = "https://gateway.example/identity"
      PHONEPE_BASE_URL       = "https://gateway.example"
      PHONEPE_CLIENT_ID      = "CLIENT"
      PHONEPE_CLIENT_VERSION = "1"
      PHONEPE_MERCHANT_ID    = "SIZZLE"
      PHONEPE_PG_URL         = "https://gateway.example/pg"
      START_WINDOW_MINUTES   = "60"
      TASKS_URL              = "https://elsewhere.example"
      SUPPLIER_ADDRESS       = "Mumbai 400050"
      SUPPLIER_GSTIN         = "27AAAAA0000A1Z5"
      SUPPLIER_NAME          = "Sizzle"
      SUPPLIER_STATE         = "Maharashtra"
      UPSTASH_REDIS_REST_URL = "https://redis.example"
    }
  }

  expect_failures = [terraform_data.fits]
}

run "a_setting_without_a_value" {
  command = plan

  variables {
    settings = { ACCESS_TOKEN_SECONDS = "900" }
  }

  expect_failures = [terraform_data.fits]
}
