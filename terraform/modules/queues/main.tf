# Queues of deferred work. The sweep enqueues tasks again that a queue dropped after its last attempt.

variable "queues" {
  description = "The queues of functions.yaml."
  type = map(object({
    max_dispatches_per_second = number
    max_concurrent_dispatches = number
    max_attempts              = number
    min_backoff               = string
    max_backoff               = string
    max_doublings             = number
  }))
}

variable "region" {
  description = "The region of the queues."
  type        = string
}

resource "google_cloud_tasks_queue" "this" {
  for_each = var.queues
  name     = each.key
  location = var.region

  rate_limits {
    max_dispatches_per_second = each.value.max_dispatches_per_second
    max_concurrent_dispatches = each.value.max_concurrent_dispatches
  }

  retry_config {
    max_attempts  = each.value.max_attempts
    min_backoff   = each.value.min_backoff
    max_backoff   = each.value.max_backoff
    max_doublings = each.value.max_doublings
  }

  stackdriver_logging_config {
    sampling_ratio = 1
  }
}

output "names" {
  description = "Each queue's name."
  value       = { for name, one in google_cloud_tasks_queue.this : name => one.name }
}

output "queues" {
  description = "The queues as they are made."
  value       = google_cloud_tasks_queue.this
}
