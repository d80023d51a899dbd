# Secrets are made empty: their values are added by hand (gcloud secrets versions add), so that none is ever in a state
# file, a plan or a variable. Functions pin a version by its number.

variable "names" {
  description = "The secrets, by the names of the settings they hold."
  type        = set(string)
}

variable "region" {
  description = "The region their values are stored in."
  type        = string
}

resource "google_secret_manager_secret" "this" {
  for_each            = var.names
  secret_id           = each.value
  version_destroy_ttl = "604800s" # a version destroyed by mistake can be restored for a week
  deletion_protection = true

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
}

output "ids" {
  description = "Each secret's id, by its name."
  value       = { for name, one in google_secret_manager_secret.this : name => one.secret_id }
}
