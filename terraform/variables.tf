# -- Where ------------------------------------------------------------------------------------------------------------

variable "project" {
  description = "The Google project of all resources: one for each environment."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{4,28}[a-z0-9]$", var.project))
    error_message = "A project id has 6 to 30 lower-case letters, digits and hyphens."
  }
}

variable "region" {
  description = "The region of functions, queues, jobs and database: one, because every statement is a round trip."
  type        = string
  default     = "asia-south1"

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "A region is written like asia-south1."
  }
}

variable "environment" {
  description = "The functions' ENVIRONMENT; production refuses the gateway's published test keys."
  type        = string

  validation {
    condition     = contains(["staging", "production"], var.environment)
    error_message = "The environment is staging or production."
  }
}

# -- What is deployed ---------------------------------------------------------------------------------------------------

variable "manifest" {
  description = "The file that names each function's bundle and its object, written by `make bundles`."
  type        = string
  default     = "../var/bundles/manifest.json"

  validation {
    condition     = endswith(var.manifest, ".json")
    error_message = "The manifest is a JSON file."
  }
}

variable "lines" {
  description = "The lines of business that run here, by their folders in shared/lines; all: every one. The bundles are built with the same."
  type        = list(string)
  default     = null # default_lines of functions.yaml

  validation {
    condition     = var.lines == null ? true : length(var.lines) > 0 && alltrue([for name in var.lines : can(regex("^[a-z][a-z_]*$", name))])
    error_message = "Lines are named as their folders are, at least one of them."
  }
}

variable "scale" {
  description = "Instances of a function where they differ from functions.yaml."
  type        = map(object({ min = optional(number, 0), max = number }))
  default     = {}

  validation {
    condition     = alltrue([for one in values(var.scale) : one.min >= 0 && one.max >= 1 && one.min <= one.max])
    error_message = "A function has at least one instance at most, and no more kept than allowed."
  }
  validation {
    condition     = length(setsubtract(keys(var.scale), keys(local.list.functions))) == 0
    error_message = "Scale names a function that functions.yaml does not."
  }
}

variable "settings" {
  description = "Settings in plain, by their names in .env.example; each goes to the functions whose entry lists it."
  type        = map(string)
  default     = {}

  validation {
    condition     = contains(["v1", "v2"], lookup(var.settings, "PHONEPE_API", "v2"))
    error_message = "PHONEPE_API is v1 or v2."
  }
  validation {
    condition     = alltrue([for name in keys(var.settings) : can(regex("^[A-Z][A-Z0-9_]+$", name))])
    error_message = "A setting is written in capitals, as in .env.example."
  }
  validation {
    condition = length(setsubtract(keys(var.settings), flatten([
      local.everywhere, [for one in values(local.list.functions) : one.environment]
    ]))) == 0
    error_message = "A setting here is one that a function's `environment` lists in functions.yaml; secrets are not given here."
  }
}

variable "secret_versions" {
  description = "The version of each secret that is in use, by number: a new one is rolled out by changing it here."
  type        = map(number)

  validation {
    condition     = alltrue([for version in values(var.secret_versions) : version >= 1 && floor(version) == version])
    error_message = "A version is a number: latest would change under a running function, and could not be taken back."
  }
  validation {
    condition     = length(setsubtract(local.secrets, setunion(keys(var.secret_versions), local.mail_secrets, local.gateway_spare))) == 0
    error_message = "A secret that functions need has no version: ${join(", ", setsubtract(local.secrets, setunion(keys(var.secret_versions), local.mail_secrets, local.gateway_spare)))}."
  }
  validation {
    condition     = length(setintersection(keys(var.secret_versions), local.mail_secrets)) > 0
    error_message = "Mails leave through RESEND_API_KEY or SMTP_URL: one of them has a version."
  }
  validation {
    condition     = length(setsubtract(keys(var.secret_versions), local.secrets)) == 0
    error_message = "A version is given of a secret that no function uses: ${join(", ", setsubtract(keys(var.secret_versions), local.secrets))}."
  }
}

# -- Database -----------------------------------------------------------------------------------------------------------

variable "database" {
  description = "neon: an address in Secret Manager. cloud_sql: an instance of our own, reached by private address and IAM."
  type        = string
  default     = "neon"

  validation {
    condition     = contains(["neon", "cloud_sql"], var.database)
    error_message = "The database is neon or cloud_sql."
  }
}

variable "database_max_connections" {
  description = "max_connections of the server: set on Cloud SQL, told by Neon for its compute size. Four fifths are ours."
  type        = number

  validation {
    condition     = var.database_max_connections >= 25
    error_message = "Below 25 connections nothing of this runs."
  }
}

variable "database_tier" {
  description = "Machine of the Cloud SQL instance."
  type        = string
  default     = "db-custom-2-8192"

  validation {
    condition     = startswith(var.database_tier, "db-")
    error_message = "A tier is written like db-custom-2-8192."
  }
}

variable "database_highly_available" {
  description = "Keep a standby of the Cloud SQL instance in a second zone."
  type        = bool
  default     = true
}

# -- Edge -----------------------------------------------------------------------------------------------------------------

variable "domain" {
  description = "The API's host name behind the load balancer; empty: no load balancer, clients call the functions' own URLs."
  type        = string
  default     = ""

  validation {
    condition     = var.domain == "" || can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "A domain is a host name in lower case, without scheme or path."
  }
}

variable "requests_per_minute" {
  description = "Requests one address may send through the load balancer in a minute; the application has finer limits."
  type        = number
  default     = 600

  validation {
    condition     = var.requests_per_minute >= 60
    error_message = "Carriers put thousands of people behind one address: 60 a minute is the least."
  }
}

# -- People and pipeline ----------------------------------------------------------------------------------------------------

variable "alert_emails" {
  description = "The email addresses that receive alerts."
  type        = list(string)

  validation {
    condition     = length(var.alert_emails) > 0 && alltrue([for one in var.alert_emails : can(regex("^[^@]+@[^@]+$", one))])
    error_message = "At least one address receives alerts."
  }
}

variable "billing_account" {
  description = "The billing account the budget watches; null: no budget alert."
  type        = string
  default     = null

  validation {
    condition     = var.billing_account == null || can(regex("^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$", var.billing_account))
    error_message = "A billing account is written like 01AB23-45CD67-89EF01."
  }
}

variable "monthly_budget" {
  description = "The monthly budget, in whole units of the billing account's currency."
  type        = number
  default     = 200

  validation {
    condition     = var.monthly_budget > 0
    error_message = "A budget is more than nothing."
  }
}

variable "repository" {
  description = "The Cloud Build repository (projects/P/locations/L/connections/C/repositories/R) whose pushes are deployed; null: none."
  type        = string
  default     = null

  validation {
    condition     = var.repository == null || can(regex("^projects/[^/]+/locations/[^/]+/connections/[^/]+/repositories/[^/]+$", var.repository))
    error_message = "A repository is named in full, as Cloud Build shows it."
  }
}

variable "state_bucket" {
  description = "The bucket that holds this configuration's state; the pipeline writes it."
  type        = string
}
