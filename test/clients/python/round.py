"""A full round with the typed clients of Tencent Cloud's SDK for Python. Where to work comes from the environment."""

import os
import time

from tencentcloud.cbs.v20170312 import cbs_client
from tencentcloud.cbs.v20170312 import models as cbs
from tencentcloud.common import credential
from tencentcloud.common.exception.tencent_cloud_sdk_exception import TencentCloudSDKException
from tencentcloud.common.profile.client_profile import ClientProfile
from tencentcloud.common.profile.http_profile import HttpProfile
from tencentcloud.cvm.v20170312 import cvm_client
from tencentcloud.cvm.v20170312 import models as cvm
from tencentcloud.sts.v20180813 import models as sts
from tencentcloud.sts.v20180813 import sts_client
from tencentcloud.tag.v20180813 import models as tag
from tencentcloud.tag.v20180813 import tag_client

REGION = os.environ["ROUND_REGION"]
OTHER_REGION = os.environ["ROUND_OTHER_REGION"]
SOURCE = os.environ["ROUND_INSTANCE"]
OTHER_ACCOUNT = os.environ["ROUND_OTHER_ACCOUNT"]
KEY = credential.Credential("AKIDsimulator", "simulator")


def profile(sign_method="TC3-HMAC-SHA256", req_method="POST"):
    http = HttpProfile(protocol="http", endpoint=os.environ["ROUND_ENDPOINT"], reqMethod=req_method, reqTimeout=20)
    return ClientProfile(httpProfile=http, signMethod=sign_method, language="en-US")


compute = cvm_client.CvmClient(KEY, REGION, profile())
storage = cbs_client.CbsClient(KEY, REGION, profile())
compute_there = cvm_client.CvmClient(KEY, OTHER_REGION, profile())
storage_there = cbs_client.CbsClient(KEY, OTHER_REGION, profile())
tags = tag_client.TagClient(KEY, REGION, profile())
identity = sts_client.StsClient(KEY, REGION, profile())


def ask(client, models, action, **parameters):
    request = getattr(models, action + "Request")()
    request._deserialize(parameters)
    return getattr(client, action)(request)


def refused(code, client, models, action, **parameters):
    try:
        ask(client, models, action, **parameters)
    except TencentCloudSDKException as error:
        assert error.get_code() == code, "%s: %s instead of %s" % (action, error, code)
        assert error.get_request_id(), "an error without a RequestId"
        return
    raise AssertionError("%s was not refused with %s" % (action, code))


def until(what, look):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain for " + what)


def instance(instance_id, state):
    def look():
        [row] = ask(compute, cvm, "DescribeInstances", InstanceIds=[instance_id]).InstanceSet
        return row if row.InstanceState == state and row.LatestOperationState != "OPERATING" else None

    return until("%s %s" % (instance_id, state), look)


def image(client, image_id):
    def look():
        [row] = ask(client, cvm, "DescribeImages", ImageIds=[image_id]).ImageSet
        return row if row.ImageState == "NORMAL" else None

    return until(image_id + " NORMAL", look)


def snapshot(client, snapshot_id):
    def look():
        [row] = ask(client, cbs, "DescribeSnapshots", SnapshotIds=[snapshot_id]).SnapshotSet
        return row if row.SnapshotState == "NORMAL" and row.Percent == 100 else None

    return until(snapshot_id + " NORMAL", look)


# Who am I, in every form of signature that the SDK has.
assert ask(identity, sts, "GetCallerIdentity").AccountId == "100000000001"
for sign_method, req_method in [("HmacSHA1", "GET"), ("HmacSHA256", "POST"), ("TC3-HMAC-SHA256", "GET")]:
    signed = cvm_client.CvmClient(KEY, REGION, profile(sign_method, req_method))
    filters = [{"Name": "instance-id", "Values": [SOURCE]}]
    assert ask(signed, cvm, "DescribeInstances", Filters=filters, Limit=5).TotalCount == 1

role = "qcs::cam::uin/100000000001:roleName/ImageBuilder"
temporary = ask(identity, sts, "AssumeRole", RoleArn=role, RoleSessionName="round").Credentials
session = credential.Credential(temporary.TmpSecretId, temporary.TmpSecretKey, temporary.Token)
assert ask(cvm_client.CvmClient(session, REGION, profile()), cvm, "DescribeZones").TotalCount > 0

stranger = cvm_client.CvmClient(credential.Credential("AKIDnobody", "x"), REGION, profile())
refused("AuthFailure.SecretIdNotFound", stranger, cvm, "DescribeZones")
impostor = cvm_client.CvmClient(credential.Credential("AKIDsimulator", "x"), REGION, profile())
refused("AuthFailure.SignatureFailure", impostor, cvm, "DescribeZones")
refused("InvalidInstanceId.Malformed", compute, cvm, "StopInstances", InstanceIds=["i-1"])
refused("InvalidInstanceId.NotFound", compute, cvm, "StopInstances", InstanceIds=["ins-00000000"])
refused("MissingParameter", compute, cvm, "CreateImage", InstanceId=SOURCE)
refused("InvalidAction", compute, cvm, "ExportImages", BucketName="b", ImageIds=["img-00000000"])

# Stop.
source = instance(SOURCE, "RUNNING")
data_disk = source.DataDisks[0].DiskId
ask(compute, cvm, "StopInstances", InstanceIds=[SOURCE], StopType="SOFT_FIRST", StoppedMode="KEEP_CHARGING")
instance(SOURCE, "STOPPED")
refused("UnsupportedOperation.InstanceStateStopped", compute, cvm, "StopInstances", InstanceIds=[SOURCE])

# Snapshot and image.
pair = [{"Key": "round", "Value": "python"}]
snapshot_id = ask(storage, cbs, "CreateSnapshot", DiskId=data_disk, SnapshotName="round", Tags=pair).SnapshotId
snapshot(storage, snapshot_id)
specification = [{"ResourceType": "image", "Tags": pair}]
image_id = ask(
    compute, cvm, "CreateImage", ImageName="round", InstanceId=SOURCE, TagSpecification=specification
).ImageId
refused("InvalidImageName.Duplicate", compute, cvm, "CreateImage", ImageName="round", InstanceId=SOURCE)
made = image(compute, image_id)
assert made.ImageSize == source.SystemDisk.DiskSize and made.Tags[0].Value == "python"
instance(SOURCE, "STOPPED")
ask(compute, cvm, "StartInstances", InstanceIds=[SOURCE])
instance(SOURCE, "RUNNING")

# Launch.
[launched] = ask(
    compute,
    cvm,
    "RunInstances",
    ImageId=image_id,
    Placement={"Zone": source.Placement.Zone},
    InstanceType=source.InstanceType,
    DataDisks=[{"DiskSize": source.DataDisks[0].DiskSize, "SnapshotId": snapshot_id, "DeleteWithInstance": True}],
    ClientToken="round-python",
).InstanceIdSet
row = instance(launched, "RUNNING")
assert row.ImageId == image_id and len(row.DataDisks) == 1
ask(compute, cvm, "TerminateInstances", InstanceIds=[launched])

# Share.
ask(compute, cvm, "ModifyImageSharePermission", ImageId=image_id, AccountIds=[OTHER_ACCOUNT], Permission="SHARE")
[share] = ask(compute, cvm, "DescribeImageSharePermission", ImageId=image_id).SharePermissionSet
assert share.AccountId == OTHER_ACCOUNT
refused("InvalidImageId.InShared", compute, cvm, "DeleteImages", ImageIds=[image_id])
theirs = cvm_client.CvmClient(credential.Credential("AKIDsimulator2", "simulator2"), REGION, profile())
assert ask(theirs, cvm, "DescribeImages", ImageIds=[image_id]).ImageSet[0].ImageType == "SHARED_IMAGE"
ask(compute, cvm, "ModifyImageSharePermission", ImageId=image_id, AccountIds=[OTHER_ACCOUNT], Permission="CANCEL")

# Copy.
ask(compute, cvm, "SyncImages", ImageIds=[image_id], DestinationRegions=[OTHER_REGION])
named = [{"Name": "image-name", "Values": ["round"]}]
[copy] = ask(compute_there, cvm, "DescribeImages", Filters=named).ImageSet
image(compute_there, copy.ImageId)
copied = ask(
    storage, cbs, "CopySnapshotCrossRegions", SnapshotId=snapshot_id, DestinationRegions=[OTHER_REGION]
).SnapshotCopyResultSet
snapshot(storage_there, copied[0].SnapshotId)

# Tag.
resource = "qcs::cvm:%s:uin/100000000001:image/%s" % (REGION, image_id)
ask(tags, tag, "TagResources", ResourceList=[resource], Tags=[{"TagKey": "state", "TagValue": "kept"}])
wanted = [{"TagKey": "state", "TagValue": ["kept"]}]
assert resource in [m.Resource for m in ask(tags, tag, "GetResources", TagFilters=wanted).ResourceTagMappingList]

# Delete.
until("the launched instance is gone", lambda: ask(compute, cvm, "DescribeInstances", InstanceIds=[launched]).TotalCount == 0)
ask(compute, cvm, "DeleteImages", ImageIds=[image_id], DeleteBindedSnap=True)
ask(compute_there, cvm, "DeleteImages", ImageIds=[copy.ImageId], DeleteBindedSnap=True)
ask(storage, cbs, "DeleteSnapshots", SnapshotIds=[snapshot_id])
ask(storage_there, cbs, "DeleteSnapshots", SnapshotIds=[copied[0].SnapshotId])
refused("InvalidImageId.NotFound", compute, cvm, "DeleteImages", ImageIds=[image_id])
