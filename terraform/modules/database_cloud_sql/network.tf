# The instance has a private address only; functions reach it straight from this subnet, without a connector's machines.

resource "google_compute_network" "this" {
  # checkov:skip=CKV2_GCP_18:no machine is in it; what is not allowed is refused, and nothing is allowed in
  name                    = "booking"
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "functions" {
  name                     = "functions"
  network                  = google_compute_network.this.id
  region                   = var.region
  ip_cidr_range            = "10.8.0.0/22" # an instance takes an address, and two of them while a release rolls out
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

resource "google_compute_global_address" "services" {
  name          = "booking-services"
  network       = google_compute_network.this.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 20
}

resource "google_service_networking_connection" "this" {
  network                 = google_compute_network.this.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.services.name]
}
