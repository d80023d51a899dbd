output "name" {
  description = "The function's name, which is its service's too."
  value       = google_cloudfunctions2_function.this.name
}

# Values for policy tests.
output "deployed" {
  description = "The function as it is deployed."
  value = {
    uploaded    = google_storage_bucket_object.bundle.name
    object      = google_cloudfunctions2_function.this.build_config[0].source[0].storage_source[0].object
    runtime     = google_cloudfunctions2_function.this.build_config[0].runtime
    entry_point = google_cloudfunctions2_function.this.build_config[0].entry_point
    service     = google_cloudfunctions2_function.this.service_config[0]
    callers     = toset([for one in google_cloud_run_v2_service_iam_member.caller : one.member])
    called_on   = toset([for one in google_cloud_run_v2_service_iam_member.caller : one.name])
    reads       = toset([for one in google_secret_manager_secret_iam_member.reads : one.secret_id])
    adds_to     = toset([for one in google_cloud_tasks_queue_iam_member.adds : one.name])
    roles       = toset([for one in google_project_iam_member.database : one.role])
    acts_as     = toset([for one in google_service_account_iam_member.acts_as : one.service_account_id])
  }
}
