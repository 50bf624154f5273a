"""Import jobs in v2, from an S3 of the tests' own."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import boto3
import pytest
from moto.server import ThreadedMotoServer

from pillarbox.resources import import_jobs
from pillarbox.settings import S3Setting
from tests.support.refused import refused
from tests.support.server import RunningServer, Server

ACCOUNT = "999999999999"
PATIENCE_SECONDS = 30.0


class Place(NamedTuple):
    """A server that may import from one bucket for one account, and that bucket."""

    server: Server
    s3: Any

    @property
    def ses(self) -> Any:
        return self.server.client("sesv2")

    def put(self, name: str, content: str) -> str:
        self.s3.put_object(Bucket="lists", Key=name, Body=content.encode())
        return f"s3://lists/{name}"

    def ended(self, job_id: str) -> dict[str, Any]:
        """Return a job when it is over."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            found: dict[str, Any] = self.ses.get_import_job(JobId=job_id)
            if found["JobStatus"] in ("COMPLETED", "FAILED"):
                return found
            time.sleep(0.02)
        raise AssertionError(f"job {job_id} does not end")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    aws = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    aws.start()
    try:
        host, port = aws.get_host_and_port()
        key = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
        s3 = boto3.client("s3", endpoint_url=f"http://{host}:{port}", **key)
        s3.create_bucket(Bucket="lists")
        given = {
            "endpoint": f"http://{host}:{port}",
            "access_key_id": "test",
            "secret_access_key": "test",
            "buckets": {"lists": ACCOUNT},
        }
        with RunningServer.started(tmp_path_factory.mktemp("jobs"), dev=True, s3=S3Setting(**given)) as running:
            yield Place(Server(running, ACCOUNT), s3)
    finally:
        aws.stop()


def suppressing(action: str = "PUT") -> dict[str, Any]:
    return {"SuppressionListDestination": {"SuppressionListImportAction": action}}


def test_create_import_job_puts_addresses_on_the_suppression_list_and_takes_them_off(place: Place) -> None:
    lines = [f"{number}@example.net,BOUNCE" for number in range(1_100)]
    url = place.put("bounced.csv", "\n".join([*lines, "nobody,BOUNCE"]))
    source = {"S3Url": url, "DataFormat": "CSV"}

    job_id = place.ses.create_import_job(ImportDestination=suppressing(), ImportDataSource=source)["JobId"]

    job = place.ended(job_id)
    assert job.pop("CreatedTimestamp") <= job.pop("CompletedTimestamp")
    del job["ResponseMetadata"]
    assert job == {
        "JobId": job_id,
        "ImportDestination": suppressing(),
        "ImportDataSource": source,
        "JobStatus": "COMPLETED",
        "ProcessedRecordsCount": 1_101,
        "FailedRecordsCount": 1,
    }
    assert place.ses.get_suppressed_destination(EmailAddress="1099@example.net")
    job_id = place.ses.create_import_job(ImportDestination=suppressing("DELETE"), ImportDataSource=source)["JobId"]
    assert place.ended(job_id)["FailedRecordsCount"] == 1
    assert place.ses.list_suppressed_destinations()["SuppressedDestinationSummaries"] == []


def test_create_import_job_fills_a_contact_list(place: Place) -> None:
    place.ses.create_contact_list(ContactListName="readers")
    url = place.put("contacts", '{"emailAddress":"ada@example.net","unsubscribeAll":true}\n')
    destination = {"ContactListDestination": {"ContactListName": "readers", "ContactListImportAction": "PUT"}}
    source = {"S3Url": url, "DataFormat": "JSON"}
    job = place.ended(place.ses.create_import_job(ImportDestination=destination, ImportDataSource=source)["JobId"])
    assert (job["JobStatus"], job["ImportDestination"]) == ("COMPLETED", destination)
    assert place.ses.get_contact(ContactListName="readers", EmailAddress="ada@example.net")["UnsubscribeAll"] is True
    destination["ContactListDestination"]["ContactListName"] = "others"
    with refused("NotFoundException", status=404):
        place.ses.create_import_job(ImportDestination=destination, ImportDataSource=source)

    listed = place.ses.list_import_jobs(ImportDestinationType="CONTACT_LIST")["ImportJobs"]
    assert [one["JobId"] for one in listed] == [job["JobId"]]


def test_a_job_whose_file_cannot_be_read_fails_and_says_why(place: Place) -> None:
    source = {"S3Url": "s3://lists/none.csv", "DataFormat": "CSV"}
    job = place.ended(place.ses.create_import_job(ImportDestination=suppressing(), ImportDataSource=source)["JobId"])
    assert job["JobStatus"] == "FAILED"
    assert "NoSuchKey" in job["FailureInfo"]["ErrorMessage"]


def test_a_job_takes_so_many_addresses_off_and_no_more(place: Place) -> None:
    url = place.put("many.csv", "\n".join(f"{number}@example.net" for number in range(10_001)))
    source = {"S3Url": url, "DataFormat": "CSV"}
    job_id = place.ses.create_import_job(ImportDestination=suppressing("DELETE"), ImportDataSource=source)["JobId"]
    job = place.ended(job_id)
    assert (job["JobStatus"], job["ProcessedRecordsCount"]) == ("FAILED", 10_000)
    assert "10000" in job["FailureInfo"]["ErrorMessage"]


def test_create_import_job_reads_from_no_bucket_that_was_not_given_to_the_account(place: Place, server: Server) -> None:
    source = {"S3Url": "s3://lists/bounced.csv", "DataFormat": "CSV"}
    for client in (place.server.running.for_new_account().client("sesv2"), server.client("sesv2")):
        with refused("BadRequestException"):
            client.create_import_job(ImportDestination=suppressing(), ImportDataSource=source)
        assert client.list_import_jobs()["ImportJobs"] == []
        with refused("NotFoundException", status=404):
            client.get_import_job(JobId="none")


def test_create_import_job_has_one_destination(place: Place) -> None:
    source = {"S3Url": "s3://lists/bounced.csv", "DataFormat": "CSV"}
    contact = {"ContactListDestination": {"ContactListName": "readers", "ContactListImportAction": "PUT"}}
    for destination in ({}, {**suppressing(), **contact}):
        with refused("BadRequestException"):
            place.ses.create_import_job(ImportDestination=destination, ImportDataSource=source)


def test_create_import_job_stops_at_the_limit(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_jobs, "MOST_AT_ONCE", 0)
    source = {"S3Url": "s3://lists/x.csv", "DataFormat": "CSV"}
    with refused("LimitExceededException", "An account can have 0 import jobs at a time."):
        place.ses.create_import_job(ImportDestination=suppressing(), ImportDataSource=source)
