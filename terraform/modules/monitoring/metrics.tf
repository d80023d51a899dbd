# Metrics from our log lines (shared/kit/log.py). The platform itself counts requests, latency, instances and queues.

locals {
  ours = "resource.type=\"cloud_run_revision\""

  counted = {
    alarms = {
      description = "Log lines that ask for a person, by the alarm they name"
      filter      = "${local.ours} AND jsonPayload.alarm:*"
      label       = { key = "alarm", from = "EXTRACT(jsonPayload.alarm)" }
    }
    exceptions = {
      description = "Exceptions that were logged, by their class"
      filter      = "${local.ours} AND jsonPayload.exception:*"
      label       = { key = "exception", from = "EXTRACT(jsonPayload.exception)" }
    }
    settled = {
      description = "Payment attempts the gateway has decided, by how"
      filter      = "${local.ours} AND jsonPayload.message=\"payment settled\""
      label       = { key = "state", from = "EXTRACT(jsonPayload.state)" }
    }
    jobs = {
      description = "Scheduled jobs that ran, by their name"
      filter      = "${local.ours} AND jsonPayload.message=\"job ran\""
      label       = { key = "job", from = "EXTRACT(jsonPayload.job)" }
    }
  }
}

resource "google_logging_metric" "counted" {
  for_each    = local.counted
  name        = "booking/${each.key}"
  description = each.value.description
  filter      = each.value.filter

  label_extractors = { (each.value.label.key) = each.value.label.from }

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"

    labels {
      key        = each.value.label.key
      value_type = "STRING"
    }
  }
}

resource "google_logging_metric" "outbox_age" {
  name            = "booking/outbox_age"
  description     = "Seconds the oldest outbox message is overdue, as each sweep finds it"
  filter          = "${local.ours} AND jsonPayload.message=\"job ran\" AND jsonPayload.job=\"sweep\""
  value_extractor = "EXTRACT(jsonPayload.oldest_seconds)"

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "DISTRIBUTION"
    unit        = "s"
  }

  bucket_options {
    exponential_buckets {
      num_finite_buckets = 16
      growth_factor      = 2
      scale              = 1
    }
  }
}
