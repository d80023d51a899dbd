# With a load balancer and without one: never both open.

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


run "without_a_load_balancer" {
  command = plan

  assert {
    condition     = alltrue([for name in ["auth", "customer", "chef", "admin", "payments", "callback", "docs"] : module.function[name].deployed.service.ingress_settings == "ALLOW_ALL"])
    error_message = "Clients call the functions' own addresses."
  }
  assert {
    condition     = length(module.load_balancer) == 0 && output.urls["customer"] == "https://customer-123456789012.asia-south1.run.app"
    error_message = "There is no load balancer, and the addresses told are the functions'."
  }
  assert {
    condition     = output.callback == "https://callback-123456789012.asia-south1.run.app/api/v1/payments/callback"
    error_message = "The gateway calls back the callback function itself."
  }
  assert {
    condition     = alltrue([for one in module.function : one.deployed.service.environment_variables["TRUSTED_PROXIES"] == "1"])
    error_message = "One proxy writes the client's address."
  }
}

run "with_a_load_balancer" {
  command = apply # made up ids tell one backend from another

  variables {
    domain              = "api.sizzle.example"
    requests_per_minute = 120
  }

  assert {
    condition     = alltrue([for name in ["auth", "customer", "chef", "admin", "payments", "callback", "docs"] : module.function[name].deployed.service.ingress_settings == "ALLOW_INTERNAL_AND_GCLB"])
    error_message = "Public functions refuse who comes past the load balancer."
  }
  assert {
    condition     = alltrue([for name in ["tasks", "schedule", "migrate"] : module.function[name].deployed.service.ingress_settings == "ALLOW_INTERNAL_ONLY"])
    error_message = "The load balancer does not reach worker functions."
  }
  assert {
    condition     = alltrue([for one in module.function : one.deployed.service.environment_variables["TRUSTED_PROXIES"] == "2"])
    error_message = "Two proxies write the client's address."
  }
  assert {
    condition     = output.callback == "https://api.sizzle.example/api/v1/payments/callback" && output.urls["docs"] == "https://api.sizzle.example"
    error_message = "Clients and gateway call the domain."
  }
  assert {
    condition     = alltrue([for one in module.monitoring.checks : one.monitored_resource[0].labels.host == "api.sizzle.example"])
    error_message = "Health is asked through the load balancer: nothing else gets in."
  }

  # Paths are those of the local router, which reads functions.yaml too (infra/local/functions.py).
  assert {
    condition = toset(flatten([
      for rule in module.load_balancer[0].url_map.path_matcher[0].path_rule : rule.paths if length(rule.route_action) == 0
    ])) == toset(flatten([for one in values(yamldecode(file("functions.yaml")).functions) : one.paths]))
    error_message = "The load balancer knows the paths of functions.yaml and no others."
  }
  assert {
    condition = alltrue(flatten([
      for name, one in yamldecode(file("functions.yaml")).functions : [
        for path in one.paths : one([
          for rule in module.load_balancer[0].url_map.path_matcher[0].path_rule : rule.service if contains(rule.paths, path)
        ]) == module.load_balancer[0].backends[name]
      ]
    ]))
    error_message = "A path goes to the function that functions.yaml names."
  }
  assert {
    condition = alltrue([
      for name in keys(output.urls) : one([
        for rule in module.load_balancer[0].url_map.path_matcher[0].path_rule : rule.service
        if contains(rule.paths, "/health/${name}") && try(rule.route_action[0].url_rewrite[0].path_prefix_rewrite, "") == "/health"
      ]) == module.load_balancer[0].backends[name]
    ])
    error_message = "Each function's health is reached under its name."
  }
  assert {
    condition     = module.load_balancer[0].url_map.default_service == module.load_balancer[0].backends["docs"]
    error_message = "What is nobody's is answered by the function that has nothing to lose."
  }
  assert {
    condition     = length(distinct(values(module.load_balancer[0].backends))) == 7
    error_message = "Each public function has a backend of its own."
  }

  assert {
    condition = toset([
      for rule in module.load_balancer[0].policies["clients"].rule : rule.rate_limit_options[0].rate_limit_threshold[0].count if rule.action == "throttle"
    ]) == toset([120])
    error_message = "One address sends what the variable says."
  }
  assert {
    condition = toset([
      for rule in module.load_balancer[0].policies["gateway"].rule : rule.rate_limit_options[0].rate_limit_threshold[0].count if rule.action == "throttle"
    ]) == toset([1200])
    error_message = "The gateway, which sends for everybody, has ten times the room."
  }
}
