# Neon is made in its own console; what there is of it here is its two addresses, which are secrets: the pooler's for
# every function, the server's own for migrations, which hold a lock for longer than a pooler lends a connection.

variable "functions" {
  description = "The functions that use the database, and how they reach it: pooled or direct."
  type        = map(string)

  validation {
    condition     = alltrue([for way in values(var.functions) : contains(["pooled", "direct"], way)])
    error_message = "The database is reached pooled or direct."
  }
}

output "secrets" {
  description = "By function: the secret each setting is read from."
  value = {
    for name, way in var.functions : name => { DATABASE_URL = way == "direct" ? "DATABASE_URL_DIRECT" : "DATABASE_URL" }
  }
}

output "environment" {
  description = "By function: settings in plain. No statement timeout: a pooler takes no such parameter (there: alter role … set)."
  value       = { for name in keys(var.functions) : name => {} }
}

output "roles" {
  description = "Roles a function needs to reach the database."
  value       = toset([])
}

output "subnet" {
  description = "The subnet the database is reached from: none, it has a public name."
  value       = null
}
