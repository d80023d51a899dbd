# Each alert's documentation has the fault and the remedy in one line, for the person on call.

resource "google_monitoring_notification_channel" "email" {
  for_each     = toset(var.emails)
  display_name = each.value
  type         = "email"
  labels       = { email_address = each.value }
}

locals {
  channels = [for one in google_monitoring_notification_channel.email : one.id]
  alarms   = yamldecode(file("${path.module}/alarms.yaml"))

  run   = "resource.type=\"cloud_run_revision\" AND metric.type=\"run.googleapis.com"
  tasks = "resource.type=\"cloud_tasks_queue\" AND metric.type=\"cloudtasks.googleapis.com"

  # for: how long it must hold · every: the length of one measurement · align, reduce: how series become one number.
  thresholds = {
    errors = {
      severity = "CRITICAL", above = 5, for = "300s", every = "300s", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = "resource.labels.service_name"
      filter   = "${local.run}/request_count\" AND metric.labels.response_code_class=\"5xx\""
      says     = "A function answered more than 5 requests of 5 minutes with an error. Filter the log by the service and severity ERROR: `exception` and `stack` say where. After a release: take it back (docs/deploy.md)."
    }
    latency = {
      severity = "ERROR", above = 2000, for = "600s", every = "300s", align = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = "resource.labels.service_name"
      filter   = "${local.run}/request_latencies\""
      says     = "One request in twenty takes longer than 2 s. See on the dashboard whether instances start (cold starts), the database is slow (its insights), or the gateway is."
    }
    instances = {
      severity = "ERROR", for = "600s", every = "300s", align = "ALIGN_PERCENTILE_99", reduce = "REDUCE_MAX", by = "resource.labels.service_name"
      filter   = "${local.run}/container/max_request_concurrencies\" AND metric.labels.state=\"active\""
      above    = 7
      says     = "Instances of a function are full: requests wait for a free one. Raise its `max` in tfvars within the connection budget, which the plan checks."
    }
    queue_depth = {
      severity = "ERROR", above = 500, for = "600s", every = "60s", align = "ALIGN_MAX", reduce = "REDUCE_MAX", by = "resource.labels.queue_id"
      filter   = "${local.tasks}/queue/depth\""
      says     = "Tasks pile up. A gateway, mail provider or database that is down is the usual reason: tasks are tried again by themselves. Otherwise raise the queue's rate, and the tasks function's instances with it."
    }
    queue_age = {
      severity = "WARNING", above = 60000, for = "900s", every = "300s", align = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = "resource.labels.queue_id"
      filter   = "${local.tasks}/queue/task_attempt_delays\""
      says     = "Tasks start more than a minute late. Mails and offers arrive late, nothing is lost: the sweep watches. Look at the queue's depth and the tasks function's instances."
    }
    outbox_age = {
      severity = "CRITICAL", above = 900, for = "0s", every = "300s", align = "ALIGN_PERCENTILE_99", reduce = "REDUCE_MAX", by = null
      filter   = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.outbox_age.name}\""
      says     = "An outbox message is more than 15 minutes overdue. `select kind, failures, last_error from outbox where done_at is null order by due_at` tells which and why."
    }
    exceptions = {
      severity = "ERROR", above = 10, for = "0s", every = "300s", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = "metric.labels.exception"
      filter   = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.counted["exceptions"].name}\""
      says     = "More than 10 exceptions of one class in 5 minutes. The log line has its `stack`; `request_id` and the trace lead to the request."
    }
    uptime = {
      severity = "CRITICAL", above = 1, for = "60s", every = "1200s", align = "ALIGN_NEXT_OLDER", reduce = "REDUCE_COUNT_FALSE", by = "resource.labels.host"
      filter   = "resource.type=\"uptime_url\" AND metric.type=\"monitoring.googleapis.com/uptime_check/check_passed\""
      says     = "A function's /health is not reached from two places. No revision that starts: see the log of its service for the setting or secret it misses, and take the release back."
    }
  }
}

resource "google_monitoring_alert_policy" "threshold" {
  for_each              = local.thresholds
  display_name          = "booking: ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels

  conditions {
    display_name = each.key

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.for

      aggregations {
        alignment_period     = each.value.every
        per_series_aligner   = each.value.align
        cross_series_reducer = each.value.reduce
        group_by_fields      = each.value.by == null ? [] : [each.value.by]
      }
    }
  }

  documentation {
    content   = each.value.says
    mime_type = "text/markdown"
  }
}

resource "google_monitoring_alert_policy" "alarm" {
  for_each              = local.alarms
  display_name          = "booking: alarm ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = local.channels

  conditions {
    display_name = each.key

    condition_threshold {
      filter          = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.counted["alarms"].name}\" AND metric.labels.alarm=\"${each.key}\""
      comparison      = "COMPARISON_GT"
      threshold_value = 0
      duration        = "0s"

      aggregations {
        alignment_period     = "60s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = each.value.says
    mime_type = "text/markdown"
  }
}

# The jobs enforce all deadlines and enqueue overdue outbox messages; only this alert reports that they have stopped.
resource "google_monitoring_alert_policy" "jobs" {
  display_name          = "booking: jobs have stopped"
  combiner              = "OR"
  severity              = "CRITICAL"
  notification_channels = local.channels

  conditions {
    display_name = "no sweep for ten minutes"

    condition_absent {
      filter   = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user/${google_logging_metric.counted["jobs"].name}\" AND metric.labels.job=\"sweep\""
      duration = "600s"

      aggregations {
        alignment_period     = "300s"
        per_series_aligner   = "ALIGN_DELTA"
        cross_series_reducer = "REDUCE_SUM"
      }
    }
  }

  documentation {
    content   = "The sweep has not run for ten minutes: unpaid bookings keep their chefs, deadlines pass, outbox messages wait. Look at Cloud Scheduler's last attempts: 401 is the audience or the account, 500 is in the schedule function's log."
    mime_type = "text/markdown"
  }
}

resource "google_monitoring_uptime_check_config" "health" {
  for_each     = var.health
  display_name = "${each.key} /health"
  timeout      = "10s"
  period       = "300s" # each check may start an instance: often enough to know, not so often as to keep ten warm

  http_check {
    path         = each.value.path
    port         = 443
    use_ssl      = true
    validate_ssl = true
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { project_id = var.project, host = each.value.host }
  }
}

resource "google_billing_budget" "monthly" {
  count           = var.billing_account == null ? 0 : 1
  billing_account = var.billing_account
  display_name    = "booking: ${var.project}"

  budget_filter {
    projects = ["projects/${var.project_number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.monthly_budget)
    }
  }

  dynamic "threshold_rules" {
    for_each = { half = 0.5, most = 0.9, all = 1.0 }
    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1.0
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    monitoring_notification_channels = local.channels
  }
}
