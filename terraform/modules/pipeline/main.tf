# The pipeline deploys code to existing functions. Only people change accounts, roles, queues and databases.

variable "project" {
  description = "The Google project."
  type        = string
}

variable "region" {
  description = "The region of builds."
  type        = string
}

variable "environment" {
  description = "The environment whose tfvars a build applies; production needs a manual approval."
  type        = string
}

variable "repository" {
  description = "The Cloud Build repository whose pushes are deployed; null: builds are started by hand."
  type        = string
}

variable "branch" {
  description = "The branch whose pushes are deployed."
  type        = string
  default     = "^main$"
}

variable "billing_account" {
  description = "The billing account whose budget a plan reads; null: none."
  type        = string
}

variable "buckets" {
  description = "The buckets of bundles and of this configuration's state."
  type        = object({ bundles = string, state = string })
}

variable "acts_as" {
  description = "The addresses of the accounts a deployment runs functions and builds as, by names of our own."
  type        = map(string)
}

variable "migrations" {
  description = "The address of the account the migrate function is called as."
  type        = string
}

resource "google_service_account" "this" {
  account_id   = "pipeline"
  display_name = "Checks, bundles and deploys"
}

resource "google_project_iam_member" "this" {
  for_each = toset([
    "roles/cloudfunctions.developer",
    "roles/logging.logWriter",
    # A plan reads everything there is, and every policy; what secrets hold it cannot.
    "roles/artifactregistry.reader",
    "roles/browser",
    "roles/cloudbuild.builds.viewer",
    "roles/cloudscheduler.viewer",
    "roles/cloudsql.viewer",
    "roles/cloudtasks.viewer",
    "roles/compute.viewer",
    "roles/iam.securityReviewer",
    "roles/iam.serviceAccountViewer",
    "roles/logging.viewer",
    "roles/monitoring.viewer",
    "roles/run.viewer",
    "roles/secretmanager.viewer",
    "roles/serviceusage.serviceUsageConsumer",
    "roles/storage.bucketViewer",
  ])
  project = var.project
  role    = each.value
  member  = google_service_account.this.member
}

resource "google_billing_account_iam_member" "budget" {
  count              = var.billing_account == null ? 0 : 1
  billing_account_id = var.billing_account
  role               = "roles/billing.viewer"
  member             = google_service_account.this.member
}

resource "google_storage_bucket_iam_member" "this" {
  for_each = var.buckets
  bucket   = each.value
  role     = "roles/storage.objectAdmin"
  member   = google_service_account.this.member
}

resource "google_service_account_iam_member" "acts_as" {
  for_each           = merge(var.acts_as, { migrations = var.migrations })
  service_account_id = "projects/${var.project}/serviceAccounts/${each.value}"
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.this.member
}

# A build runs outside the network and cannot call an internal function. It adds a task, which comes from inside; a task
# is tried until it succeeds and is gone then, so that the build sees how it went.
resource "google_cloud_tasks_queue" "migrations" {
  name     = "migrations"
  location = var.region

  rate_limits {
    max_concurrent_dispatches = 1
    max_dispatches_per_second = 1
  }

  retry_config {
    max_attempts  = -1
    min_backoff   = "10s"
    max_backoff   = "60s"
    max_doublings = 2
  }

  stackdriver_logging_config {
    sampling_ratio = 1
  }
}

resource "google_cloud_tasks_queue_iam_member" "migrations" {
  for_each = toset(["roles/cloudtasks.enqueuer", "roles/cloudtasks.viewer", "roles/cloudtasks.taskDeleter"])
  location = var.region
  name     = google_cloud_tasks_queue.migrations.name
  role     = each.value
  member   = google_service_account.this.member
}

resource "google_cloudbuild_trigger" "this" {
  count           = var.repository == null ? 0 : 1
  name            = "deploy-${var.environment}"
  location        = var.region
  filename        = "cloudbuild.yaml"
  service_account = google_service_account.this.id
  substitutions   = { _ENVIRONMENT = var.environment, _REGION = var.region, _STATE_BUCKET = var.buckets.state }

  repository_event_config {
    repository = var.repository
    push {
      branch = var.branch
    }
  }

  approval_config {
    approval_required = var.environment == "production"
  }
}

output "account" {
  description = "The pipeline's service account."
  value       = "${google_service_account.this.account_id}@${var.project}.iam.gserviceaccount.com"
}

output "queue" {
  description = "The queue a build adds its migration to."
  value       = google_cloud_tasks_queue.migrations.name
}

output "trigger" {
  description = "The trigger as it is made."
  value       = google_cloudbuild_trigger.this
}

output "roles" {
  description = "The pipeline's roles in the project."
  value       = toset([for one in google_project_iam_member.this : one.role])
}
