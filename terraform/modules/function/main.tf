# A function: its code, its settings and secrets, its account's roles, and its callers.

resource "google_storage_bucket_object" "bundle" {
  bucket          = var.bucket
  name            = var.bundle.object
  source          = var.bundle.path
  deletion_policy = "ABANDON" # the bundles before are the way back; the bucket's lifecycle removes them

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [detect_md5hash, source] # the name says the content: a rebuilt archive is the same archive
  }
}

resource "google_cloudfunctions2_function" "this" {
  name     = var.name
  location = var.region
  labels   = merge(var.labels, { function = var.name })

  build_config {
    runtime           = var.runtime
    entry_point       = var.name
    service_account   = "projects/${var.project}/serviceAccounts/${var.build.account}"
    docker_repository = var.build.repository

    source {
      storage_source {
        bucket = var.bucket
        object = google_storage_bucket_object.bundle.name
      }
    }
  }

  service_config {
    available_cpu                    = tostring(var.size.cpu)
    available_memory                 = var.size.memory
    max_instance_request_concurrency = var.size.concurrency
    min_instance_count               = var.size.min
    max_instance_count               = var.size.max
    timeout_seconds                  = var.size.timeout
    all_traffic_on_latest_revision   = true
    ingress_settings                 = var.ingress
    service_account_email            = var.account
    environment_variables            = merge(var.environment, local.threads)
    direct_vpc_egress                = var.subnet == null ? null : "VPC_EGRESS_PRIVATE_RANGES_ONLY"

    dynamic "secret_environment_variables" {
      for_each = var.secrets
      content {
        project_id = var.project
        key        = secret_environment_variables.key
        secret     = secret_environment_variables.value.secret
        version    = tostring(secret_environment_variables.value.version)
      }
    }

    dynamic "direct_vpc_network_interface" {
      for_each = var.subnet == null ? [] : [var.subnet]
      content {
        network    = direct_vpc_network_interface.value.network
        subnetwork = direct_vpc_network_interface.value.subnetwork
      }
    }
  }

  # An instance that may not read its secrets, or not reach its database, does not start.
  depends_on = [google_secret_manager_secret_iam_member.reads, google_project_iam_member.database]
}

locals {
  # One number: a request more than threads waits unseen in the instance, one more than connections waits for a timeout.
  threads = merge(
    { WORKERS = "1", THREADS = tostring(var.size.concurrency) },
    var.database ? { DATABASE_POOL = tostring(var.size.concurrency) } : {}
  )
}

resource "google_secret_manager_secret_iam_member" "reads" {
  for_each  = var.secrets
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.account}"
}

resource "google_project_iam_member" "database" {
  for_each = var.roles
  project  = var.project
  role     = each.value
  member   = "serviceAccount:${var.account}"
}

resource "google_cloud_tasks_queue_iam_member" "adds" {
  for_each = var.enqueues == null ? {} : var.enqueues.queues
  location = var.region
  name     = each.value
  role     = "roles/cloudtasks.enqueuer"
  member   = "serviceAccount:${var.account}"
}

# A caller that adds a task names the account of its token, and needs the right to use that account.
resource "google_service_account_iam_member" "acts_as" {
  count              = var.enqueues == null ? 0 : 1
  service_account_id = "projects/${var.project}/serviceAccounts/${var.enqueues.account}"
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${var.account}"
}

# On the service behind the function: on the function itself the platform refuses this role. It goes down with a replaced
# service, whose name stays the same, so that nothing but replace_triggered_by would bring it back.
resource "google_cloud_run_v2_service_iam_member" "caller" {
  for_each = var.callers
  location = var.region
  name     = google_cloudfunctions2_function.this.name
  role     = "roles/run.invoker"
  member   = each.value

  lifecycle {
    replace_triggered_by = [google_cloudfunctions2_function.this.id]
  }
}
