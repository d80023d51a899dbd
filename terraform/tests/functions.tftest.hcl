# Each function as it is planned: who it is, who may call it, what it is given.

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


run "functions" {
  command = plan

  assert {
    condition     = toset(keys(module.function)) == toset(keys(yamldecode(file("functions.yaml")).functions))
    error_message = "There is one function for each entry of functions.yaml."
  }
  assert {
    condition     = alltrue([for name, one in module.function : one.deployed.entry_point == name && one.deployed.runtime == "python313"])
    error_message = "A function's target has its name, and its runtime is the one of functions.yaml."
  }
  assert {
    condition = alltrue([
      for name, one in module.function : one.deployed.service.available_cpu == "1" && one.deployed.service.available_memory == (name == "docs" ? "256Mi" : "512Mi")
    ])
    error_message = "CPU and memory are those of functions.yaml."
  }
  assert {
    condition = alltrue([
      for name, one in module.function : one.deployed.service.timeout_seconds == yamldecode(file("functions.yaml")).functions[name].size.timeout
    ])
    error_message = "Timeouts are those of functions.yaml."
  }

  # identity

  assert {
    condition     = length(distinct([for one in module.function : one.deployed.service.service_account_email])) == length(module.function)
    error_message = "Each function has an account of its own."
  }
  assert {
    condition     = alltrue([for name, one in module.function : one.deployed.service.service_account_email == "fn-${name}@booking-test.iam.gserviceaccount.com"])
    error_message = "Each function runs as its own account."
  }
  assert {
    condition     = alltrue([for name, one in module.function : length(one.deployed.roles) == 0])
    error_message = "Without Cloud SQL no function has a role in the project."
  }

  # callers

  assert {
    condition     = toset([for name, one in module.function : name if contains(one.deployed.callers, "allUsers")]) == toset(["auth", "customer", "chef", "admin", "payments", "callback", "docs"])
    error_message = "Everybody may call the public groups and the callback, and nothing else."
  }
  assert {
    condition = alltrue([
      for name in ["tasks", "schedule", "migrate"] : module.function[name].deployed.callers == toset(["serviceAccount:${name}-invoker@booking-test.iam.gserviceaccount.com"])
    ])
    error_message = "An internal function has one caller, which calls nothing else."
  }
  assert {
    condition     = alltrue([for name, one in module.function : one.deployed.called_on == toset([name])])
    error_message = "The right to call is given on the service behind the function itself."
  }
  assert {
    condition     = alltrue([for name in ["tasks", "schedule", "migrate"] : module.function[name].deployed.service.ingress_settings == "ALLOW_INTERNAL_ONLY"])
    error_message = "Worker functions are reached from inside only."
  }

  # audiences

  assert {
    condition     = module.function["tasks"].deployed.service.environment_variables["TASKS_URL"] == "https://tasks-123456789012.asia-south1.run.app"
    error_message = "The tasks function verifies its own address as the audience."
  }
  assert {
    condition = alltrue([
      for one in module.function : one.deployed.service.environment_variables["TASKS_URL"] == "https://tasks-123456789012.asia-south1.run.app" && one.deployed.service.environment_variables["TASKS_INVOKER"] == "tasks-invoker@booking-test.iam.gserviceaccount.com"
      if contains(keys(one.deployed.service.environment_variables), "TASKS_URL")
    ])
    error_message = "Who adds a task names the audience and the account that the tasks function verifies."
  }
  assert {
    condition = alltrue([
      for name, job in module.scheduler.jobs :
      job.http_target[0].oidc_token[0].audience == module.function["schedule"].deployed.service.environment_variables["SCHEDULE_URL"] &&
      job.http_target[0].oidc_token[0].service_account_email == module.function["schedule"].deployed.service.environment_variables["SCHEDULE_INVOKER"] &&
      job.http_target[0].uri == "https://schedule-123456789012.asia-south1.run.app/jobs/${name}"
    ])
    error_message = "A job's token is for the audience, and of the account, that the schedule function verifies."
  }
  assert {
    condition     = output.migration.target == module.function["migrate"].deployed.service.environment_variables["MIGRATE_URL"] && output.migration.account == module.function["migrate"].deployed.service.environment_variables["MIGRATE_INVOKER"]
    error_message = "The pipeline's token is for the audience, and of the account, that the migrate function verifies."
  }

  # secrets

  assert {
    condition     = module.function["docs"].deployed.reads == toset([])
    error_message = "The function that serves the document reads no secret."
  }
  assert {
    condition     = module.function["callback"].deployed.reads == toset(["DATABASE_URL", "PHONEPE_SALT_KEYS", "PHONEPE_WEBHOOK_KEYS"])
    error_message = "The callback reads the database's address and what the gateway's messages are known by, and nothing else."
  }
  assert {
    condition     = toset([for name, one in module.function : name if contains(one.deployed.reads, "OTP_KEYS") || contains(one.deployed.reads, "REFRESH_KEYS")]) == toset(["auth"])
    error_message = "Only the function that signs people in reads the keys of codes and sessions."
  }
  assert {
    condition     = toset([for name, one in module.function : name if contains(one.deployed.reads, "PHONEPE_SALT_KEYS")]) == toset(["payments", "callback", "tasks", "schedule"])
    error_message = "The gateway's salt is read by those who talk to the gateway."
  }
  assert {
    condition     = toset([for name, one in module.function : name if contains(one.deployed.reads, "PHONEPE_CLIENT_SECRET")]) == toset(["payments", "tasks", "schedule"])
    error_message = "The gateway's client secret is read by those who ask the gateway."
  }
  assert {
    condition = alltrue(flatten([
      for one in module.function : [for secret in one.deployed.service.secret_environment_variables : secret.version == tostring(var.secret_versions[secret.secret])]
    ]))
    error_message = "A secret's version is pinned by its number."
  }
  assert {
    condition = alltrue(flatten([
      for one in module.function : [for name in keys(one.deployed.service.environment_variables) : !contains(keys(module.secrets.ids), name)]
    ]))
    error_message = "No secret is among the settings in plain."
  }
  assert {
    condition     = alltrue([for one in module.function : !contains([for secret in one.deployed.service.secret_environment_variables : secret.key], "SMTP_URL")])
    error_message = "A secret that has no version is given to nobody."
  }

  # one number

  assert {
    condition = alltrue([
      for name, one in module.function :
      one.deployed.service.environment_variables["THREADS"] == tostring(one.deployed.service.max_instance_request_concurrency) &&
      lookup(one.deployed.service.environment_variables, "DATABASE_POOL", one.deployed.service.environment_variables["THREADS"]) == one.deployed.service.environment_variables["THREADS"]
    ])
    error_message = "Requests at once, threads and connections are one number."
  }
  assert {
    condition     = !contains(keys(module.function["docs"].deployed.service.environment_variables), "DATABASE_POOL")
    error_message = "A function without a database has no pool."
  }

  # settings

  assert {
    condition     = module.function["auth"].deployed.service.environment_variables["ACCESS_TOKEN_SECONDS"] == "900" && module.function["chef"].deployed.service.environment_variables["START_WINDOW_MINUTES"] == "60"
    error_message = "A setting reaches the functions that list it."
  }
  assert {
    condition     = !contains(keys(module.function["customer"].deployed.service.environment_variables), "PHONEPE_MERCHANT_ID")
    error_message = "A setting reaches no function that does not list it."
  }
  assert {
    condition     = alltrue([for one in module.function : one.deployed.service.environment_variables["ENVIRONMENT"] == "staging" && one.deployed.service.environment_variables["GOOGLE_CLOUD_PROJECT"] == "booking-test"])
    error_message = "Every function knows its environment and its project."
  }

  # queues

  assert {
    condition     = toset(keys(module.queues.queues)) == toset(["mails", "offers", "payments"])
    error_message = "The queues are those of functions.yaml."
  }
  assert {
    condition     = alltrue([for name in ["customer", "chef", "admin", "payments", "callback", "tasks", "schedule"] : module.function[name].deployed.adds_to == toset(["mails", "offers", "payments"])])
    error_message = "A function that enqueues messages may add tasks."
  }
  assert {
    condition     = alltrue([for name in ["auth", "docs", "migrate"] : length(module.function[name].deployed.adds_to) == 0 && length(module.function[name].deployed.acts_as) == 0])
    error_message = "A function that enqueues none may not."
  }
  assert {
    condition     = module.function["customer"].deployed.acts_as == toset(["projects/booking-test/serviceAccounts/tasks-invoker@booking-test.iam.gserviceaccount.com"])
    error_message = "Who adds tasks may lend them the tasks' own account, and no other."
  }
  assert {
    condition     = module.queues.queues["payments"].retry_config[0].max_attempts == 12 && module.queues.queues["payments"].rate_limits[0].max_concurrent_dispatches == 20
    error_message = "Rates and retries are those of functions.yaml."
  }
}

run "without_the_line_that_needs_a_function" {
  command = plan

  variables {
    lines = ["another"]
  }

  assert {
    condition     = toset(keys(yamldecode(file("functions.yaml")).functions)) == setunion(keys(module.function), ["chef"])
    error_message = "A function that only other lines of business need is not made, and every other one is."
  }
  assert {
    condition = alltrue([
      for name in ["customer", "admin", "payments", "tasks", "schedule", "docs", "migrate"] : module.function[name].deployed.service.environment_variables["LINES"] == "another"
    ])
    error_message = "Functions that serve lines are told which run here."
  }
}

run "with_a_second_line" {
  command = plan

  variables {
    lines = ["home_chef", "another"]
  }

  assert {
    condition     = module.function["chef"].deployed.service.environment_variables["LINES"] == "home_chef"
    error_message = "A function that ships the code of one line runs that line only."
  }
  assert {
    condition     = module.function["docs"].deployed.service.environment_variables["LINES"] == "home_chef,another"
    error_message = "A function that ships no line's code knows every line of the environment."
  }
}
