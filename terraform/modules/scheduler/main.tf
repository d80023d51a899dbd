# Scheduled jobs: each is a POST with an identity token, to the URL that the function verifies as its audience.

variable "jobs" {
  description = "The jobs of functions.yaml."
  type        = map(object({ cron = string, timezone = string }))
}

variable "region" {
  description = "The region of the jobs."
  type        = string
}

variable "target" {
  description = "The function called, whose address is the tokens' audience; the account it is called as; seconds it may take."
  type        = object({ url = string, account = string, timeout = number })
}

resource "google_cloud_scheduler_job" "this" {
  for_each         = var.jobs
  name             = each.key
  region           = var.region
  schedule         = each.value.cron
  time_zone        = each.value.timezone
  attempt_deadline = "${var.target.timeout}s"

  retry_config {
    retry_count = 0 # the next minute is the next try, and a job finds what the one before left
  }

  http_target {
    http_method = "POST"
    uri         = "${var.target.url}/jobs/${each.key}"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode("{}")

    oidc_token {
      service_account_email = var.target.account
      audience              = var.target.url
    }
  }
}

output "jobs" {
  description = "The jobs as they are made."
  value       = google_cloud_scheduler_job.this
}
