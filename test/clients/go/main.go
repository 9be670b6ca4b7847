// A full round with the typed clients of Tencent Cloud's SDK for Go. Where to work comes from the environment.
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	cbs "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cbs/v20170312"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common"
	sdkerrors "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/errors"
	"github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/common/profile"
	cvm "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/cvm/v20170312"
	sts "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/sts/v20180813"
	tag "github.com/tencentcloud/tencentcloud-sdk-go/tencentcloud/tag/v20180813"
)

var (
	region       = os.Getenv("ROUND_REGION")
	otherRegion  = os.Getenv("ROUND_OTHER_REGION")
	sourceID     = os.Getenv("ROUND_INSTANCE")
	otherAccount = os.Getenv("ROUND_OTHER_ACCOUNT")

	str  = common.StringPtr
	strs = common.StringPtrs
)

func main() {
	defer func() {
		if failed := recover(); failed != nil {
			fmt.Fprintln(os.Stderr, failed)
			os.Exit(1)
		}
	}()
	identity()
	usualErrors()
	disk, zone := stopSource()
	snapshot := snapshotOf(disk)
	image := imageOfSource()
	launched := launch(image, snapshot, zone)
	share(image)
	imageCopy, snapshotCopy := copyToOtherRegion(image, snapshot)
	tagImage(image)
	cleanUp(launched, image, snapshot, imageCopy, snapshotCopy)
}

func newProfile(change func(*profile.ClientProfile)) *profile.ClientProfile {
	p := profile.NewClientProfile()
	p.HttpProfile.Scheme = "HTTP"
	p.HttpProfile.Endpoint = os.Getenv("ROUND_ENDPOINT")
	p.HttpProfile.ReqTimeout = 20
	p.Language = "en-US"
	if change != nil {
		change(p)
	}
	return p
}

func compute(id, secret, in string, change func(*profile.ClientProfile)) *cvm.Client {
	return must(cvm.NewClient(common.NewCredential(id, secret), in, newProfile(change)))
}

func storage(in string) *cbs.Client {
	return must(cbs.NewClient(common.NewCredential("AKIDsimulator", "simulator"), in, newProfile(nil)))
}

var ours = func(in string) *cvm.Client { return compute("AKIDsimulator", "simulator", in, nil) }

// identity asks who we are, in every form of signature that the SDK has, and with a temporary key.
func identity() {
	credential := common.NewCredential("AKIDsimulator", "simulator")
	client := must(sts.NewClient(credential, region, newProfile(nil)))
	who := must(client.GetCallerIdentity(sts.NewGetCallerIdentityRequest()))
	check(*who.Response.AccountId == "100000000001", "GetCallerIdentity")

	forms := []func(*profile.ClientProfile){
		func(p *profile.ClientProfile) { p.SignMethod = "HmacSHA1"; p.HttpProfile.ReqMethod = "GET" },
		func(p *profile.ClientProfile) { p.SignMethod = "HmacSHA256"; p.HttpProfile.ReqMethod = "POST" },
		func(p *profile.ClientProfile) { p.HttpProfile.ReqMethod = "GET" },
		func(p *profile.ClientProfile) { p.UnsignedPayload = true },
	}
	for _, form := range forms {
		request := cvm.NewDescribeInstancesRequest()
		request.Filters = []*cvm.Filter{{Name: str("instance-id"), Values: strs([]string{sourceID})}}
		answer := must(compute("AKIDsimulator", "simulator", region, form).DescribeInstances(request))
		check(*answer.Response.TotalCount == 1, "DescribeInstances in another form")
	}

	role := sts.NewAssumeRoleRequest()
	role.RoleArn = str("qcs::cam::uin/100000000001:roleName/ImageBuilder")
	role.RoleSessionName = str("round")
	key := must(client.AssumeRole(role)).Response.Credentials
	temporary := common.NewTokenCredential(*key.TmpSecretId, *key.TmpSecretKey, *key.Token)
	zones := must(must(cvm.NewClient(temporary, region, newProfile(nil))).DescribeZones(cvm.NewDescribeZonesRequest()))
	check(*zones.Response.TotalCount > 0, "DescribeZones with a temporary key")
}

func usualErrors() {
	zones := cvm.NewDescribeZonesRequest()
	_, err := compute("AKIDnobody", "x", region, nil).DescribeZones(zones)
	refused("AuthFailure.SecretIdNotFound", err)
	_, err = compute("AKIDsimulator", "x", region, nil).DescribeZones(zones)
	refused("AuthFailure.SignatureFailure", err)
	_, err = ours("ap-atlantis").DescribeZones(zones)
	refused("UnsupportedRegion", err)
	stop := cvm.NewStopInstancesRequest()
	stop.InstanceIds = strs([]string{"ins-00000000"})
	_, err = ours(region).StopInstances(stop)
	refused("InvalidInstanceId.NotFound", err)
	_, err = ours(region).CreateImage(cvm.NewCreateImageRequest())
	refused("MissingParameter", err)
	_, err = ours(region).ExportImages(cvm.NewExportImagesRequest())
	refused("InvalidAction", err)
}

// stopSource stops the source instance; it answers the data disk and the zone.
func stopSource() (disk, zone *string) {
	source := instance(sourceID, "RUNNING")
	stop := cvm.NewStopInstancesRequest()
	stop.InstanceIds = strs([]string{sourceID})
	stop.StopType = str("SOFT_FIRST")
	must(ours(region).StopInstances(stop))
	instance(sourceID, "STOPPED")
	_, err := ours(region).StopInstances(stop)
	refused("UnsupportedOperation.InstanceStateStopped", err)
	return source.DataDisks[0].DiskId, source.Placement.Zone
}

func snapshotOf(disk *string) *string {
	request := cbs.NewCreateSnapshotRequest()
	request.DiskId = disk
	request.SnapshotName = str("round")
	request.Tags = []*cbs.Tag{{Key: str("round"), Value: str("go")}}
	id := must(storage(region).CreateSnapshot(request)).Response.SnapshotId
	snapshotDone(region, id)
	return id
}

func imageOfSource() *string {
	request := cvm.NewCreateImageRequest()
	request.ImageName = str("round")
	request.InstanceId = str(sourceID)
	request.TagSpecification = []*cvm.TagSpecification{
		{ResourceType: str("image"), Tags: []*cvm.Tag{{Key: str("round"), Value: str("go")}}},
	}
	id := must(ours(region).CreateImage(request)).Response.ImageId
	_, err := ours(region).CreateImage(request)
	refused("InvalidImageName.Duplicate", err)
	image := imageDone(region, id)
	check(*image.Tags[0].Value == "go" && len(image.SnapshotSet) == 1, "the image's tags and snapshots")
	instance(sourceID, "STOPPED")
	start := cvm.NewStartInstancesRequest()
	start.InstanceIds = strs([]string{sourceID})
	must(ours(region).StartInstances(start))
	instance(sourceID, "RUNNING")
	return id
}

func launch(image, snapshot, zone *string) *string {
	request := cvm.NewRunInstancesRequest()
	request.ImageId = image
	request.Placement = &cvm.Placement{Zone: zone}
	request.DataDisks = []*cvm.DataDisk{
		{DiskSize: common.Int64Ptr(50), SnapshotId: snapshot, DeleteWithInstance: common.BoolPtr(true)},
	}
	// The SDK adds a ClientToken when it may retry.
	client := compute("AKIDsimulator", "simulator", region, func(p *profile.ClientProfile) {
		p.NetworkFailureMaxRetries = 3
	})
	id := must(client.RunInstances(request)).Response.InstanceIdSet[0]
	row := instance(*id, "RUNNING")
	check(*row.ImageId == *image && len(row.DataDisks) == 1, "the launched instance")
	terminate := cvm.NewTerminateInstancesRequest()
	terminate.InstanceIds = []*string{id}
	must(ours(region).TerminateInstances(terminate))
	return id
}

func share(image *string) {
	permission := cvm.NewModifyImageSharePermissionRequest()
	permission.ImageId = image
	permission.AccountIds = strs([]string{otherAccount})
	permission.Permission = str("SHARE")
	must(ours(region).ModifyImageSharePermission(permission))
	look := cvm.NewDescribeImageSharePermissionRequest()
	look.ImageId = image
	shares := must(ours(region).DescribeImageSharePermission(look)).Response.SharePermissionSet
	check(len(shares) == 1 && *shares[0].AccountId == otherAccount, "DescribeImageSharePermission")
	remove := cvm.NewDeleteImagesRequest()
	remove.ImageIds = []*string{image}
	_, err := ours(region).DeleteImages(remove)
	refused("InvalidImageId.InShared", err)
	images := cvm.NewDescribeImagesRequest()
	images.ImageIds = []*string{image}
	seen := must(compute("AKIDsimulator2", "simulator2", region, nil).DescribeImages(images)).Response.ImageSet
	check(len(seen) == 1 && *seen[0].ImageType == "SHARED_IMAGE", "the image as the other account sees it")
	permission.Permission = str("CANCEL")
	must(ours(region).ModifyImageSharePermission(permission))
}

func copyToOtherRegion(image, snapshot *string) (imageCopy, snapshotCopy *string) {
	sync := cvm.NewSyncImagesRequest()
	sync.ImageIds = []*string{image}
	sync.DestinationRegions = strs([]string{otherRegion})
	must(ours(region).SyncImages(sync))
	look := cvm.NewDescribeImagesRequest()
	look.Filters = []*cvm.Filter{{Name: str("image-name"), Values: strs([]string{"round"})}}
	imageCopy = must(ours(otherRegion).DescribeImages(look)).Response.ImageSet[0].ImageId
	imageDone(otherRegion, imageCopy)

	cross := cbs.NewCopySnapshotCrossRegionsRequest()
	cross.SnapshotId = snapshot
	cross.DestinationRegions = strs([]string{otherRegion})
	result := must(storage(region).CopySnapshotCrossRegions(cross)).Response.SnapshotCopyResultSet[0]
	check(*result.Code == "Success", "CopySnapshotCrossRegions")
	snapshotDone(otherRegion, result.SnapshotId)
	return imageCopy, result.SnapshotId
}

func tagImage(image *string) {
	client := must(tag.NewClient(common.NewCredential("AKIDsimulator", "simulator"), region, newProfile(nil)))
	resource := fmt.Sprintf("qcs::cvm:%s:uin/100000000001:image/%s", region, *image)
	request := tag.NewTagResourcesRequest()
	request.ResourceList = strs([]string{resource})
	request.Tags = []*tag.Tag{{TagKey: str("state"), TagValue: str("kept")}}
	must(client.TagResources(request))
	look := tag.NewGetResourcesRequest()
	look.ResourceList = strs([]string{resource})
	found := must(client.GetResources(look)).Response.ResourceTagMappingList
	check(len(found) == 1 && len(found[0].Tags) == 2, "GetResources")
}

func cleanUp(launched, image, snapshot, imageCopy, snapshotCopy *string) {
	until("the launched instance is gone", func() bool {
		request := cvm.NewDescribeInstancesRequest()
		request.InstanceIds = []*string{launched}
		return *must(ours(region).DescribeInstances(request)).Response.TotalCount == 0
	})
	images := map[string]*string{region: image, otherRegion: imageCopy}
	snapshots := map[string]*string{region: snapshot, otherRegion: snapshotCopy}
	for _, in := range []string{region, otherRegion} {
		removeImage := cvm.NewDeleteImagesRequest()
		removeImage.ImageIds = []*string{images[in]}
		removeImage.DeleteBindedSnap = common.BoolPtr(true)
		must(ours(in).DeleteImages(removeImage))
		_, err := ours(in).DeleteImages(removeImage)
		refused("InvalidImageId.NotFound", err)
		removeSnapshot := cbs.NewDeleteSnapshotsRequest()
		removeSnapshot.SnapshotIds = []*string{snapshots[in]}
		must(storage(in).DeleteSnapshots(removeSnapshot))
	}
}

func instance(id, state string) (found *cvm.Instance) {
	request := cvm.NewDescribeInstancesRequest()
	request.InstanceIds = strs([]string{id})
	until(id+" "+state, func() bool {
		found = must(ours(region).DescribeInstances(request)).Response.InstanceSet[0]
		busy := found.LatestOperationState != nil && *found.LatestOperationState == "OPERATING"
		return *found.InstanceState == state && !busy
	})
	return found
}

func imageDone(in string, id *string) (found *cvm.Image) {
	request := cvm.NewDescribeImagesRequest()
	request.ImageIds = []*string{id}
	until(*id+" NORMAL", func() bool {
		found = must(ours(in).DescribeImages(request)).Response.ImageSet[0]
		return *found.ImageState == "NORMAL"
	})
	return found
}

func snapshotDone(in string, id *string) {
	request := cbs.NewDescribeSnapshotsRequest()
	request.SnapshotIds = []*string{id}
	until(*id+" NORMAL", func() bool {
		row := must(storage(in).DescribeSnapshots(request)).Response.SnapshotSet[0]
		return *row.SnapshotState == "NORMAL" && *row.Percent == 100
	})
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func check(holds bool, what string) {
	if !holds {
		panic(what + " is not as expected")
	}
}

func refused(code string, err error) {
	var answer *sdkerrors.TencentCloudSDKError
	check(errors.As(err, &answer), fmt.Sprintf("%v instead of the error %s", err, code))
	check(answer.Code == code && answer.RequestId != "", fmt.Sprintf("%v instead of the error %s", err, code))
}

func until(what string, look func() bool) {
	for deadline := time.Now().Add(30 * time.Second); !look(); time.Sleep(20 * time.Millisecond) {
		check(time.Now().Before(deadline), "waiting in vain for "+what)
	}
}
