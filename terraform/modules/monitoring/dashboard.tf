# One page, from the outside in: what clients meet, what the functions do, what waits, and whether money arrives.

locals {
  ours_metric = "resource.type=\"cloud_run_revision\" AND metric.type=\"logging.googleapis.com/user"

  charts = {
    "1 Requests"                   = { filter = "${local.run}/request_count\"", align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = "resource.labels.service_name" }
    "2 Latency, p95 (ms)"          = { filter = "${local.run}/request_latencies\"", align = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = "resource.labels.service_name" }
    "3 Errors (5xx)"               = { filter = "${local.run}/request_count\" AND metric.labels.response_code_class=\"5xx\"", align = "ALIGN_RATE", reduce = "REDUCE_SUM", by = "resource.labels.service_name" }
    "4 Cold starts, p95 (ms)"      = { filter = "${local.run}/container/startup_latencies\"", align = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = "resource.labels.service_name" }
    "5 Instances"                  = { filter = "${local.run}/container/instance_count\"", align = "ALIGN_MAX", reduce = "REDUCE_SUM", by = "resource.labels.service_name" }
    "6 Queue depth"                = { filter = "${local.tasks}/queue/depth\"", align = "ALIGN_MAX", reduce = "REDUCE_MAX", by = "resource.labels.queue_id" }
    "7 Queue age, p95 (ms)"        = { filter = "${local.tasks}/queue/task_attempt_delays\"", align = "ALIGN_PERCENTILE_95", reduce = "REDUCE_MAX", by = "resource.labels.queue_id" }
    "8 Outbox age (s)"             = { filter = "${local.ours_metric}/${google_logging_metric.outbox_age.name}\"", align = "ALIGN_PERCENTILE_99", reduce = "REDUCE_MAX", by = null }
    "9 Payments decided, by state" = { filter = "${local.ours_metric}/${google_logging_metric.counted["settled"].name}\"", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = "metric.labels.state" }
    "10 Exceptions, by class"      = { filter = "${local.ours_metric}/${google_logging_metric.counted["exceptions"].name}\"", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = "metric.labels.exception" }
    "11 Alarms, by name"           = { filter = "${local.ours_metric}/${google_logging_metric.counted["alarms"].name}\"", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = "metric.labels.alarm" }
    "12 Jobs that ran"             = { filter = "${local.ours_metric}/${google_logging_metric.counted["jobs"].name}\"", align = "ALIGN_DELTA", reduce = "REDUCE_SUM", by = "metric.labels.job" }
  }
  titles = [for number in range(1, length(local.charts) + 1) : one([for title in keys(local.charts) : title if startswith(title, "${number} ")])]

  aggregations = {
    for title, chart in local.charts : title => {
      alignmentPeriod    = "300s"
      perSeriesAligner   = chart.align
      crossSeriesReducer = chart.reduce
      groupByFields      = chart.by == null ? [] : [chart.by]
    }
  }

  # Of those decided: the share that succeeded.
  success = {
    title = "Payment success rate"
    xyChart = {
      dataSets = [{
        plotType = "LINE"
        timeSeriesQuery = {
          timeSeriesFilterRatio = {
            numerator = {
              filter      = "${local.ours_metric}/${google_logging_metric.counted["settled"].name}\" AND metric.labels.state=\"succeeded\""
              aggregation = { alignmentPeriod = "3600s", perSeriesAligner = "ALIGN_DELTA", crossSeriesReducer = "REDUCE_SUM" }
            }
            denominator = {
              filter      = "${local.ours_metric}/${google_logging_metric.counted["settled"].name}\""
              aggregation = { alignmentPeriod = "3600s", perSeriesAligner = "ALIGN_DELTA", crossSeriesReducer = "REDUCE_SUM" }
            }
          }
        }
      }]
    }
  }
}

resource "google_monitoring_dashboard" "this" {
  dashboard_json = jsonencode({
    displayName = "Booking"
    gridLayout = {
      columns = "3"
      widgets = concat([
        for title in local.titles : {
          title = title
          xyChart = {
            dataSets = [{
              plotType = "LINE"
              timeSeriesQuery = {
                timeSeriesFilter = { filter = local.charts[title].filter, aggregation = local.aggregations[title] }
              }
            }]
          }
        }
      ], [local.success])
    }
  })
}
