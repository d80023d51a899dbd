# One address for every public function. Paths are not rewritten: a function sees the whole path, as it does alone.

resource "google_compute_region_network_endpoint_group" "function" {
  for_each              = var.paths
  name                  = each.key
  region                = var.region
  network_endpoint_type = "SERVERLESS"

  cloud_run {
    service = each.key
  }
}

resource "google_compute_backend_service" "function" {
  for_each              = var.paths
  name                  = each.key
  protocol              = "HTTPS"
  load_balancing_scheme = "EXTERNAL_MANAGED"
  security_policy       = google_compute_security_policy.edge[each.key == var.unthrottled ? "gateway" : "clients"].id

  backend {
    group = google_compute_region_network_endpoint_group.function[each.key].id
  }

  log_config {
    enable      = true
    sample_rate = 0.1 # each function writes a line for every request of its own
  }
}

resource "google_compute_url_map" "https" {
  name            = "booking"
  default_service = google_compute_backend_service.function[var.fallback].id

  host_rule {
    hosts        = [var.domain]
    path_matcher = "functions"
  }

  path_matcher {
    name            = "functions"
    default_service = google_compute_backend_service.function[var.fallback].id

    dynamic "path_rule" {
      for_each = var.paths
      content {
        paths   = path_rule.value
        service = google_compute_backend_service.function[path_rule.key].id
      }
    }

    # /health/customer is the customer function's own /health: behind a load balancer nobody outside reaches it otherwise.
    dynamic "path_rule" {
      for_each = var.paths
      content {
        paths   = ["/health/${path_rule.key}"]
        service = google_compute_backend_service.function[path_rule.key].id

        route_action {
          url_rewrite {
            path_prefix_rewrite = "/health"
          }
        }
      }
    }
  }

  # Google tries these before it takes the map: a path that would reach another function refuses the change.
  dynamic "test" {
    for_each = merge([
      for name, paths in var.paths : { for path in paths : replace(path, "*", "anything") => name }
    ]...)
    content {
      host    = var.domain
      path    = test.key
      service = google_compute_backend_service.function[test.value].id
    }
  }
}

resource "google_compute_url_map" "http" {
  name = "booking-to-https"

  default_url_redirect {
    https_redirect         = true
    redirect_response_code = "PERMANENT_REDIRECT" # 308: a POST stays a POST
    strip_query            = false
  }
}

resource "google_compute_managed_ssl_certificate" "this" {
  name = "booking-${substr(sha256(var.domain), 0, 8)}" # another domain is another certificate, made before this one goes

  managed {
    domains = [var.domain]
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "google_compute_ssl_policy" "this" {
  name            = "booking"
  profile         = "MODERN"
  min_tls_version = "TLS_1_2"
}

resource "google_compute_target_https_proxy" "this" {
  name             = "booking"
  url_map          = google_compute_url_map.https.id
  ssl_certificates = [google_compute_managed_ssl_certificate.this.id]
  ssl_policy       = google_compute_ssl_policy.this.id
}

resource "google_compute_target_http_proxy" "this" {
  name    = "booking-to-https"
  url_map = google_compute_url_map.http.id
}

resource "google_compute_global_address" "this" {
  name = "booking"
}

resource "google_compute_global_forwarding_rule" "https" {
  name                  = "booking"
  target                = google_compute_target_https_proxy.this.id
  ip_address            = google_compute_global_address.this.id
  port_range            = "443"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}

resource "google_compute_global_forwarding_rule" "http" {
  name                  = "booking-to-https"
  target                = google_compute_target_http_proxy.this.id
  ip_address            = google_compute_global_address.this.id
  port_range            = "80"
  load_balancing_scheme = "EXTERNAL_MANAGED"
}
