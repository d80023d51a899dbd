# Shared by all functions: the platform's services, the storage of bundles and images, and the build account.

variable "project" {
  description = "The Google project."
  type        = string
}

variable "region" {
  description = "The region of bundles and images."
  type        = string
}

locals {
  services = toset([
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudbuild.googleapis.com",
    "cloudfunctions.googleapis.com",
    "cloudresourcemanager.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtasks.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
  ])
}

resource "google_project_service" "this" {
  for_each           = local.services
  service            = each.value
  disable_on_destroy = false
}

resource "google_storage_bucket" "bundles" {
  # checkov:skip=CKV_GCP_62:who deployed what is in the audit log; nothing secret is in a bundle
  # checkov:skip=CKV_GCP_78:an object's name is its content's hash: it has one version
  name                        = "${var.project}-bundles"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"

  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      age = 180
    }
  }

  depends_on = [google_project_service.this]
}

resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84:images hold open source code and no data; Google's key does
  repository_id = "functions"
  location      = var.region
  format        = "DOCKER"

  cleanup_policies {
    id     = "keep-the-last"
    action = "KEEP"
    most_recent_versions {
      keep_count = 10
    }
  }
  cleanup_policies {
    id     = "delete-old-ones"
    action = "DELETE"
    condition {
      older_than = "7776000s"
    }
  }

  depends_on = [google_project_service.this]
}

# Builds run as an account of their own: the default one may do far more, and differs from project to project.
resource "google_service_account" "build" {
  account_id   = "build"
  display_name = "Builds the functions' images"

  depends_on = [google_project_service.this]
}

resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

resource "google_artifact_registry_repository_iam_member" "build_images" {
  location   = var.region
  repository = google_artifact_registry_repository.images.name
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

resource "google_storage_bucket_iam_member" "build_bundles" {
  bucket = google_storage_bucket.bundles.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}

output "bucket" {
  description = "The bucket of bundles."
  value       = google_storage_bucket.bundles.name
}

# The platform copies an uploaded bundle into a bucket of its own, from which the build reads it.
resource "google_project_iam_member" "build_sources" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "Sources of functions"
    expression = "resource.name.startsWith('projects/_/buckets/gcf-v2-sources-')"
  }
}

output "build" {
  description = "The address of the account that builds, and the repository images go to."
  value = {
    account    = "${google_service_account.build.account_id}@${var.project}.iam.gserviceaccount.com"
    repository = google_artifact_registry_repository.images.id
  }
  depends_on = [
    google_project_iam_member.build_logs,
    google_project_iam_member.build_sources,
    google_artifact_registry_repository_iam_member.build_images,
    google_storage_bucket_iam_member.build_bundles,
  ]
}
