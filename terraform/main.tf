# The whole system in one Google project, from functions.yaml and the tfvars of an environment.

module "project" {
  source  = "./modules/project"
  project = var.project
  region  = var.region
}

# Each function's service account. Here and not in its module, because the database's users are these accounts.
resource "google_service_account" "function" {
  for_each     = local.functions
  account_id   = "fn-${each.key}"
  display_name = "The function ${each.key}"

  depends_on = [module.project]
}

# Callers of internal functions: Cloud Tasks, Cloud Scheduler and the pipeline have one account each, for one function.
resource "google_service_account" "invoker" {
  for_each     = local.internal
  account_id   = "${each.key}-invoker"
  display_name = "Calls the function ${each.key}"

  depends_on = [module.project]
}

module "secrets" {
  source = "./modules/secrets"
  names  = local.secrets
  region = var.region

  depends_on = [module.project]
}

module "queues" {
  source = "./modules/queues"
  queues = local.list.queues
  region = var.region

  depends_on = [module.project]
}

module "database_neon" {
  source    = "./modules/database_neon"
  count     = var.database == "neon" ? 1 : 0
  functions = { for name, one in local.on_storage : name => one.database }
}

module "database_cloud_sql" {
  source           = "./modules/database_cloud_sql"
  count            = var.database == "cloud_sql" ? 1 : 0
  region           = var.region
  postgres         = local.list.versions.postgres
  tier             = var.database_tier
  highly_available = var.database_highly_available
  max_connections  = var.database_max_connections
  functions        = { for name, one in local.on_storage : name => one.database }
  accounts         = { for name in keys(local.on_storage) : name => local.accounts[name] }

  depends_on = [module.project]
}

module "function" {
  source   = "./modules/function"
  for_each = local.functions

  name        = each.key
  account     = local.accounts[each.key]
  project     = var.project
  region      = var.region
  runtime     = "python${replace(local.list.versions.python, ".", "")}"
  bundle      = { path = "${path.root}/../${local.bundles[each.key].path}", object = local.bundles[each.key].object }
  bucket      = module.project.bucket
  build       = module.project.build
  size        = each.value.size
  ingress     = local.ingress[each.value.ingress]
  callers     = each.value.public ? { everybody = "allUsers" } : { invoker = "serviceAccount:${local.invokers[each.key]}" }
  environment = local.environment[each.key]
  secrets     = local.pinned[each.key]
  database    = each.value.database != null
  roles       = each.value.database != null ? local.storage.roles : []
  subnet      = each.value.database != null ? local.storage.subnet : null
  enqueues    = each.value.enqueues ? { queues = module.queues.names, account = local.invokers["tasks"] } : null

  depends_on = [module.project, terraform_data.fits]
}

module "scheduler" {
  source = "./modules/scheduler"
  jobs   = local.list.jobs
  region = var.region
  target = {
    url     = local.urls["schedule"]
    account = local.invokers["schedule"]
    timeout = local.functions["schedule"].size.timeout
  }
}

module "load_balancer" {
  source              = "./modules/load_balancer"
  count               = local.balanced ? 1 : 0
  domain              = var.domain
  region              = var.region
  paths               = { for name, one in local.public : name => one.paths }
  fallback            = "docs"
  unthrottled         = "callback"
  requests_per_minute = var.requests_per_minute

  depends_on = [module.function]
}

module "monitoring" {
  source          = "./modules/monitoring"
  project         = var.project
  emails          = var.alert_emails
  health          = { for name in keys(local.public) : name => local.balanced ? { host = var.domain, path = "/health/${name}" } : { host = trimprefix(local.urls[name], "https://"), path = "/health" } }
  billing_account = var.billing_account
  project_number  = data.google_project.this.number
  monthly_budget  = var.monthly_budget

  depends_on = [module.project]
}

module "pipeline" {
  source      = "./modules/pipeline"
  project     = var.project
  region      = var.region
  environment = var.environment
  repository  = var.repository

  billing_account = var.billing_account
  buckets         = { bundles = module.project.bucket, state = var.state_bucket }
  acts_as         = merge(local.accounts, { build = module.project.build.account })
  migrations      = local.invokers["migrate"]
}
