output "alerts" {
  description = "Every alert and what it says, by its name."
  value = merge(
    { for name, one in google_monitoring_alert_policy.threshold : name => one.documentation[0].content },
    { for name, one in google_monitoring_alert_policy.alarm : "alarm ${name}" => one.documentation[0].content },
    { jobs = google_monitoring_alert_policy.jobs.documentation[0].content }
  )
}

output "dashboard" {
  description = "The dashboard as it is made."
  value       = jsondecode(google_monitoring_dashboard.this.dashboard_json)
}

output "checks" {
  description = "The uptime checks as they are made."
  value       = google_monitoring_uptime_check_config.health
}

output "budget" {
  description = "The budget, where there is one."
  value       = google_billing_budget.monthly
}
