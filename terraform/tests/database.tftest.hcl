# Both databases, and the connections the functions may hold together.

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


run "neon" {
  command = plan

  assert {
    condition = alltrue([
      for name, one in module.function : one([for secret in one.deployed.service.secret_environment_variables : secret.secret if secret.key == "DATABASE_URL"]) == "DATABASE_URL"
      if !contains(["docs", "migrate"], name)
    ])
    error_message = "Functions go through the pooler."
  }
  assert {
    condition     = one([for secret in module.function["migrate"].deployed.service.secret_environment_variables : secret.secret if secret.key == "DATABASE_URL"]) == "DATABASE_URL_DIRECT"
    error_message = "Migrations go past the pooler."
  }
  assert {
    condition     = alltrue([for one in module.function : !contains(keys(one.deployed.service.environment_variables), "STATEMENT_TIMEOUT_MS")])
    error_message = "A pooler is asked for no statement timeout."
  }
  assert {
    condition     = alltrue([for one in module.function : length(one.deployed.service.direct_vpc_network_interface) == 0]) && length(module.database_cloud_sql) == 0
    error_message = "Nothing is made of a network nobody needs."
  }
}

run "cloud_sql" {
  command = plan

  variables {
    database = "cloud_sql"
    secret_versions = {
      JWT_KEYS                 = 5
      OTP_KEYS                 = 6
      PHONEPE_CLIENT_SECRET    = 11
      PHONEPE_SALT_KEYS        = 7
      PHONEPE_WEBHOOK_KEYS     = 12
      REFRESH_KEYS             = 8
      SMTP_URL                 = 9
      UPSTASH_REDIS_REST_TOKEN = 10
    }
  }

  assert {
    condition     = alltrue([for one in module.function : !contains([for secret in one.deployed.service.secret_environment_variables : secret.key], "DATABASE_URL")])
    error_message = "No secret leads to the database."
  }
  assert {
    condition = alltrue([
      for name, one in module.function : one.deployed.roles == toset(["roles/cloudsql.client", "roles/cloudsql.instanceUser"]) && one.deployed.service.environment_variables["DATABASE_URL"] == "postgresql://fn-${name}%40booking-test.iam@/booking?cloud_sql=booking-test:asia-south1:booking"
      if name != "docs"
    ])
    error_message = "Each function is a database user of its own, by IAM, and its address holds no password."
  }
  assert {
    condition     = length(module.function["docs"].deployed.roles) == 0 && length(module.function["docs"].deployed.service.direct_vpc_network_interface) == 0
    error_message = "A function without a database cannot reach it."
  }
  assert {
    condition     = alltrue([for name, one in module.function : one.deployed.service.direct_vpc_egress == "VPC_EGRESS_PRIVATE_RANGES_ONLY" if name != "docs"])
    error_message = "Functions reach the private address straight from the subnet."
  }
  assert {
    condition     = toset([for name, one in module.database_cloud_sql[0].users : name if contains(one.database_roles, "cloudsqlsuperuser")]) == toset(["migrate"])
    error_message = "Only the function that migrates changes tables."
  }
  assert {
    condition     = alltrue([for one in module.database_cloud_sql[0].users : one.type == "CLOUD_IAM_SERVICE_ACCOUNT" && one.password == null])
    error_message = "No database user has a password."
  }
  assert {
    condition     = module.database_cloud_sql[0].instance.settings[0].ip_configuration[0].ipv4_enabled == false && module.database_cloud_sql[0].instance.settings[0].ip_configuration[0].ssl_mode == "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    error_message = "The instance has a private address only, and takes known clients only."
  }
  assert {
    condition     = module.database_cloud_sql[0].instance.settings[0].backup_configuration[0].enabled && module.database_cloud_sql[0].instance.settings[0].backup_configuration[0].point_in_time_recovery_enabled
    error_message = "There are backups, and any moment can be restored."
  }
  assert {
    condition     = module.database_cloud_sql[0].instance.database_version == "POSTGRES_18" && contains([for flag in module.database_cloud_sql[0].instance.settings[0].database_flags : flag.value if flag.name == "max_connections"], "400")
    error_message = "The server is the one the budget was made for."
  }
  assert {
    condition     = alltrue([for name, one in module.function : lookup(one.deployed.service.environment_variables, "STATEMENT_TIMEOUT_MS", "") == (contains(["docs", "migrate"], name) ? "" : "10000")])
    error_message = "The server ends what takes too long, but for a migration."
  }
}

run "just_enough_connections" {
  command = plan

  variables {
    database_max_connections = 352
  }

  assert {
    condition     = output.connections.held == 281
    error_message = "Held: (3 + 8 + 4 + 2 + 4 + 4 + 8 + 2 instances) × 8 + 1 × 1; four fifths of 352 are just that."
  }
}

run "one_connection_too_few" {
  command = plan

  variables {
    database_max_connections = 351
  }

  expect_failures = [terraform_data.fits]
}

run "one_instance_too_many" {
  command = plan

  variables {
    database_max_connections = 352
    scale                    = { chef = { max = 5 } }
  }

  expect_failures = [terraform_data.fits]
}

run "fewer_tasks_than_the_queues_dispatch" {
  command = plan

  variables {
    scale = { tasks = { max = 7 } }
  }

  expect_failures = [terraform_data.fits]
}
