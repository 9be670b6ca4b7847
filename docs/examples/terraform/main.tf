# Instances of the image that is current in the family web: terraform plan asks for it anew each time. Needs cvm-image on the
# PATH and TEMPORAL_ADDRESS, no cloud credentials of its own.
data "external" "web" {
  program = ["cvm-image", "current", "web", "--region", "ap-guangzhou", "--json"]
}

resource "tencentcloud_instance" "web" {
  instance_name     = "web"
  availability_zone = "ap-guangzhou-3"
  instance_type     = "S5.MEDIUM4"
  image_id          = data.external.web.result.imageId
}

output "image" {
  value = "${data.external.web.result.name}, current since ${data.external.web.result.since}"
}
