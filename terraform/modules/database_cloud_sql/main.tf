resource "google_sql_database_instance" "this" {
  # checkov:skip=CKV_GCP_108:a host name in the log costs a look-up for each connection; addresses are private ones
  name                = "booking"
  region              = var.region
  database_version    = "POSTGRES_${var.postgres}"
  deletion_protection = true

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.tier
    availability_type           = var.highly_available ? "REGIONAL" : "ZONAL"
    connector_enforcement       = "REQUIRED"
    disk_type                   = "PD_SSD"
    disk_autoresize             = true
    deletion_protection_enabled = true
    retain_backups_on_delete    = true

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.this.id
      ssl_mode        = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
    }

    backup_configuration {
      enabled                        = true
      start_time                     = "20:30" # 02:00 in India
      point_in_time_recovery_enabled = true
      transaction_log_retention_days = 7

      backup_retention_settings {
        retained_backups = 30
      }
    }

    maintenance_window {
      day          = 2
      hour         = 21
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled  = true
      record_client_address   = false
      record_application_tags = false
    }

    database_flags {
      name  = "cloudsql.iam_authentication"
      value = "on"
    }
    database_flags {
      name  = "max_connections"
      value = tostring(var.max_connections)
    }
    database_flags {
      name  = "idle_in_transaction_session_timeout"
      value = "15000"
    }
    database_flags {
      name  = "lock_timeout"
      value = "10000"
    }
    database_flags {
      name  = "cloudsql.enable_pgaudit"
      value = "on"
    }
    database_flags {
      name  = "log_checkpoints"
      value = "on"
    }
    database_flags {
      name  = "log_connections"
      value = "on"
    }
    database_flags {
      name  = "log_disconnections"
      value = "on"
    }
    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }
    database_flags {
      name  = "log_min_duration_statement"
      value = "-1" # a statement's text may hold what somebody typed
    }
    database_flags {
      name  = "log_min_error_statement"
      value = "error"
    }
    database_flags {
      name  = "log_min_messages"
      value = "error"
    }
    database_flags {
      name  = "log_statement"
      value = "ddl"
    }
  }

  depends_on = [google_service_networking_connection.this]
}

resource "google_sql_database" "this" {
  name            = "booking"
  instance        = google_sql_database_instance.this.name
  deletion_policy = "ABANDON"
}

# One user for each function, who is its service account and has no password. The function that migrates owns the tables;
# the others read and write rows and change no table.
resource "google_sql_user" "function" {
  for_each        = var.functions
  instance        = google_sql_database_instance.this.name
  name            = local.users[each.key]
  type            = "CLOUD_IAM_SERVICE_ACCOUNT"
  database_roles  = each.value == "direct" ? ["cloudsqlsuperuser"] : ["pg_read_all_data", "pg_write_all_data"]
  deletion_policy = "ABANDON" # who owns tables cannot be dropped
}

locals {
  # Postgres allows 63 characters: Cloud SQL leaves the end of an account's name out.
  users = { for name in keys(var.functions) : name => trimsuffix(var.accounts[name], ".gserviceaccount.com") }
}
