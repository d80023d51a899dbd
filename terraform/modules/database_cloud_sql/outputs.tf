output "secrets" {
  description = "By function: the secret each setting is read from. None: whoever the function is, the database knows."
  value       = { for name in keys(var.functions) : name => {} }
}

output "environment" {
  description = "By function: settings in plain. The address names the instance and the user, and holds no password."
  value = {
    for name, way in var.functions : name => merge(
      { DATABASE_URL = "postgresql://${urlencode(local.users[name])}@/${google_sql_database.this.name}?cloud_sql=${google_sql_database_instance.this.connection_name}" },
      # A migration may take longer.
      way == "direct" ? {} : { STATEMENT_TIMEOUT_MS = tostring(var.statement_timeout_ms) }
    )
  }
}

output "roles" {
  description = "Roles a function needs to reach the database."
  value       = toset(["roles/cloudsql.client", "roles/cloudsql.instanceUser"])
}

output "subnet" {
  description = "The subnet the database is reached from."
  value = {
    network    = google_compute_network.this.name
    subnetwork = google_compute_subnetwork.functions.name
  }
}

output "instance" {
  description = "The instance as it is made."
  value       = google_sql_database_instance.this
}

output "users" {
  description = "The users as they are made."
  value       = google_sql_user.function
}
