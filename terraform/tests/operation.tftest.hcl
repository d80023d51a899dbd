# Who deploys, and who is told.

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


run "production" {
  command = plan

  variables {
    environment     = "production"
    repository      = "projects/booking-test/locations/asia-south1/connections/github/repositories/booking"
    billing_account = "01AB23-45CD67-89EF01"
  }

  assert {
    condition     = module.pipeline.trigger[0].approval_config[0].approval_required && module.pipeline.trigger[0].filename == "cloudbuild.yaml"
    error_message = "A push to production waits for somebody's yes."
  }
  assert {
    condition     = module.pipeline.account == "pipeline@booking-test.iam.gserviceaccount.com" && length([for role in module.pipeline.roles : role if can(regex("owner|editor|[aA]dmin|secretAccessor", role))]) == 0
    error_message = "The pipeline is an account of its own that administers nothing and reads no secret."
  }
  assert {
    condition     = length(module.monitoring.budget) == 1
    error_message = "Somebody is told before the money is spent."
  }
}

run "alerts" {
  command = apply

  assert {
    condition     = length(module.pipeline.trigger) == 0 && length(module.monitoring.budget) == 0
    error_message = "Without a repository nothing deploys by itself; without a billing account there is no budget."
  }
  assert {
    condition     = alltrue([for says in values(module.monitoring.alerts) : length(says) > 60])
    error_message = "Each alert says what to do."
  }
  assert {
    condition = length(setsubtract(
      ["errors", "latency", "instances", "queue_depth", "queue_age", "outbox_age", "exceptions", "uptime", "jobs", "alarm no_provider", "alarm payment_mismatch"],
      keys(module.monitoring.alerts)
    )) == 0
    error_message = "An alert is missing."
  }
  assert {
    condition     = length(module.monitoring.dashboard.gridLayout.widgets) == 13
    error_message = "The dashboard shows the twelve charts and how often payments succeed."
  }
  assert {
    condition     = toset(keys(module.monitoring.checks)) == toset(["auth", "customer", "chef", "admin", "payments", "callback", "docs"])
    error_message = "The health of every public function is asked for."
  }
}
