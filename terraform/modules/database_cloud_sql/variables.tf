variable "region" {
  description = "The region of the instance and its subnet."
  type        = string
}

variable "postgres" {
  description = "The major version of Postgres."
  type        = number
}

variable "tier" {
  description = "The machine type."
  type        = string
}

variable "highly_available" {
  description = "Keep a standby in a second zone."
  type        = bool
}

variable "max_connections" {
  description = "Connections the server takes."
  type        = number
}

variable "functions" {
  description = "The functions that use the database, and how: pooled, or direct for the one that owns the schema."
  type        = map(string)
}

variable "accounts" {
  description = "Each function's service account, by its name: a database user is one."
  type        = map(string)
}

variable "statement_timeout_ms" {
  description = "Milliseconds after which the server gives up a statement of a function."
  type        = number
  default     = 10000
}
