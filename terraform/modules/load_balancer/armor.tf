# The edge stops floods, by address; who may do what how often is decided by the application, which knows who it is.

resource "google_compute_security_policy" "edge" {
  # checkov:skip=CKV_GCP_73:the first rule is it, in today's spelling (evaluatePreconfiguredWaf), which checkov does not read
  for_each    = { clients = var.requests_per_minute, gateway = var.requests_per_minute * 10 }
  name        = "booking-${each.key}"
  description = "At most ${each.value} requests a minute from one address."

  rule {
    action      = "deny(403)"
    priority    = 900
    description = "Log4Shell and its kin: nothing here is Java, and nobody who means well sends it."

    match {
      expr {
        expression = "evaluatePreconfiguredWaf('cve-canary', {'sensitivity': 1})"
      }
    }
  }

  rule {
    action      = "throttle"
    priority    = 1000
    description = "One address."

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }

    rate_limit_options {
      conform_action = "allow"
      exceed_action  = "deny(429)"
      enforce_on_key = "IP"

      rate_limit_threshold {
        count        = each.value
        interval_sec = 60
      }
    }
  }

  rule {
    action      = "allow"
    priority    = 2147483647
    description = "Everybody else."

    match {
      versioned_expr = "SRC_IPS_V1"
      config {
        src_ip_ranges = ["*"]
      }
    }
  }
}
