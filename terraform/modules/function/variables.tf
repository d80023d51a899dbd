variable "name" {
  description = "The function: its folder in functions/, its target in main.py, its service and its address."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z-]{1,20}$", var.name))
    error_message = "A function's name is lower case and short: it is part of a host name and of an account's id."
  }
}

variable "account" {
  description = "The email address of the function's own service account."
  type        = string
}

variable "project" {
  description = "The Google project."
  type        = string
}

variable "region" {
  description = "The region the function runs in."
  type        = string
}

variable "labels" {
  description = "Labels beside the provider's own."
  type        = map(string)
  default     = {}
}

variable "runtime" {
  description = "The language the build is for."
  type        = string

  validation {
    condition     = can(regex("^python3[0-9]+$", var.runtime))
    error_message = "A runtime is written like python313."
  }
}

variable "bundle" {
  description = "The archive: its path here, and the object it becomes, whose name carries the hash of its content."
  type        = object({ path = string, object = string })

  validation {
    condition     = can(regex("/[0-9a-f]{64}\\.zip$", var.bundle.object))
    error_message = "An object whose name does not carry its content's hash would never be deployed again."
  }
}

variable "bucket" {
  description = "The bucket of bundles."
  type        = string
}

variable "build" {
  description = "The address of the account that builds, and the repository images go to."
  type        = object({ account = string, repository = string })
}

variable "size" {
  description = "One instance (CPU, memory, requests at once) and how many there are; timeout in seconds."
  type = object({
    cpu         = number
    memory      = string
    concurrency = number
    min         = number
    max         = number
    timeout     = number
  })

  validation {
    condition     = var.size.concurrency == 1 || var.size.cpu >= 1
    error_message = "Less than one CPU takes one request at a time."
  }
  validation {
    condition     = var.size.timeout >= 1 && var.size.timeout <= 3600
    error_message = "A function answers within an hour."
  }
}

variable "ingress" {
  description = "The networks that may reach the function."
  type        = string

  validation {
    condition     = contains(["ALLOW_ALL", "ALLOW_INTERNAL_ONLY", "ALLOW_INTERNAL_AND_GCLB"], var.ingress)
    error_message = "There is no such ingress."
  }
}

variable "callers" {
  description = "The allowed callers: allUsers, or accounts as `serviceAccount:…`; by a name of our own."
  type        = map(string)

  validation {
    condition     = var.ingress != "ALLOW_INTERNAL_ONLY" || !contains(values(var.callers), "allUsers")
    error_message = "An internal function is called by accounts, not by everybody."
  }
}

variable "environment" {
  description = "Settings in plain."
  type        = map(string)
}

variable "secrets" {
  description = "Settings from Secret Manager: the secret and the version of each, by the setting's name."
  type        = map(object({ secret = string, version = number }))
}

variable "database" {
  description = "Whether each request may hold a connection of the database."
  type        = bool
}

variable "enqueues" {
  description = "The queues the function may add tasks to, and the address of the account those tasks call as; null: none."
  type        = object({ queues = map(string), account = string })
  default     = null
}

variable "roles" {
  description = "Roles in the project that the function needs for its database."
  type        = set(string)
  default     = []
}

variable "subnet" {
  description = "The subnet private addresses are reached from; null: none are."
  type        = object({ network = string, subnetwork = string })
  default     = null
}
