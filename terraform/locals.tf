# functions.yaml merged with this environment's variables, as inputs of the modules.

locals {
  list  = yamldecode(file("${path.module}/functions.yaml"))
  lines = coalesce(var.lines, local.list.default_lines)

  # A function that only other lines of business need is not created.
  made = {
    for name, one in local.list.functions : name => one
    if contains(local.lines, "all") || length(setintersection(lookup(one, "only_with", local.lines), local.lines)) > 0
  }

  functions = {
    for name, one in local.made : name => merge(one, {
      size     = merge(one.size, lookup(var.scale, name, { min = one.size.min, max = one.size.max }))
      public   = one.ingress == "public"
      database = contains(one.secrets, "DATABASE_URL") ? lookup(one, "database", "pooled") : null
      enqueues = contains(one.environment, "CLOUD_TASKS_LOCATION")
    })
  }
  public     = { for name, one in local.functions : name => one if one.public }
  internal   = { for name, one in local.functions : name => one if !one.public }
  on_storage = { for name, one in local.functions : name => one if one.database != null }
  bundles    = jsondecode(file("${path.root}/${var.manifest}"))

  # Predicted, not asked: a function knows its own address and those of the others without a circle. It is the service's
  # name, the project's number and the region, and Cloud Run takes it as the audience of an identity token.
  urls = {
    for name in keys(local.functions) : name => "https://${name}-${data.google_project.this.number}.${var.region}.run.app"
  }
  balanced = var.domain != ""

  # Spelled from the account's id, so that a plan already says who may do what.
  accounts = { for name, one in google_service_account.function : name => "${one.account_id}@${var.project}.iam.gserviceaccount.com" }
  invokers = { for name, one in google_service_account.invoker : name => "${one.account_id}@${var.project}.iam.gserviceaccount.com" }

  # Secrets the functions name; on Cloud SQL the database's address is none, and beside a pooler there is a direct one.
  mail_secrets = toset(["RESEND_API_KEY", "SMTP_URL"])
  # Of the two versions of the payment gateway only the one that new payments begin at must have its own; a merchant who
  # moved gives both, so that what was begun at the old one is followed and refunded there.
  gateway_own = {
    v1 = ["PHONEPE_BASE_URL", "PHONEPE_SALT_KEYS"]
    v2 = ["PHONEPE_AUTH_URL", "PHONEPE_PG_URL", "PHONEPE_CLIENT_ID", "PHONEPE_CLIENT_VERSION", "PHONEPE_CLIENT_SECRET", "PHONEPE_WEBHOOK_KEYS"]
  }
  gateway_spare = lookup(var.settings, "PHONEPE_API", "v2") == "v1" ? local.gateway_own.v2 : local.gateway_own.v1
  secrets = toset(concat(
    [for name in distinct(flatten([for one in values(local.made) : one.secrets])) : name if name != "DATABASE_URL"],
    var.database == "neon" ? ["DATABASE_URL", "DATABASE_URL_DIRECT"] : []
  ))

  # Settings of every function, and those that follow from what is made here.
  everywhere = ["CORS_ORIGINS", "LOG_LEVEL"]
  always     = concat(local.everywhere, ["ENVIRONMENT", "GOOGLE_CLOUD_PROJECT", "TRUSTED_PROXIES"])
  computed = {
    ENVIRONMENT          = var.environment
    LINES                = join(",", local.lines)
    GOOGLE_CLOUD_PROJECT = var.project
    TRUSTED_PROXIES      = local.balanced ? "2" : "1"
    PUBLIC_URL           = local.balanced ? "https://${var.domain}" : local.urls["callback"]
    CLOUD_TASKS_LOCATION = "projects/${var.project}/locations/${var.region}"
    TASKS_URL            = local.urls["tasks"]
    TASKS_INVOKER        = local.invokers["tasks"]
    SCHEDULE_URL         = local.urls["schedule"]
    SCHEDULE_INVOKER     = local.invokers["schedule"]
    MIGRATE_URL          = local.urls["migrate"]
    MIGRATE_INVOKER      = local.invokers["migrate"]
  }

  # By function: plain settings, and the version of each secret.
  storage = one(concat(module.database_neon[*], module.database_cloud_sql[*]))
  given   = merge(var.settings, local.computed)
  # A function whose bundle ships the code of some lines only runs no other: an unknown name in LINES stops its start.
  lines_of = {
    for name, one in local.functions : name => (
      length(try(tolist(one.lines), [])) == 0 ? local.lines :
      [for line in try(tolist(one.lines), []) : line if contains(local.lines, line) || contains(local.lines, "all")]
    )
  }
  environment = {
    for name, one in local.functions : name => merge(
      { for setting in concat(local.always, one.environment) : setting => local.given[setting] if contains(keys(local.given), setting) },
      contains(one.environment, "LINES") ? { LINES = join(",", local.lines_of[name]) } : {},
      one.database == null ? {} : local.storage.environment[name]
    )
  }
  pinned = {
    for name, one in local.functions : name => {
      for setting in one.secrets : setting => {
        secret  = module.secrets.ids[lookup(local.renamed[name], setting, setting)]
        version = var.secret_versions[lookup(local.renamed[name], setting, setting)]
      } if contains(keys(var.secret_versions), lookup(local.renamed[name], setting, setting))
    }
  }
  renamed = { for name, one in local.functions : name => one.database == null ? {} : local.storage.secrets[name] }

  # Behind a load balancer, a public function refuses requests that bypass it.
  ingress = {
    public   = local.balanced ? "ALLOW_INTERNAL_AND_GCLB" : "ALLOW_ALL"
    internal = "ALLOW_INTERNAL_ONLY"
  }

  connections = sum([for one in values(local.on_storage) : one.size.max * one.size.concurrency])
}

data "google_project" "this" {
  project_id = var.project
}
