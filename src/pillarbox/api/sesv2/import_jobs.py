"""Import jobs, which only v2 has.

Translation only; the rules stand in resources/import_jobs.py. Which account may
import from which bucket is for the operator to say.
https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CreateImportJob.html
"""

from urllib.parse import urlsplit

from pillarbox.api.call import Call, Params, Result
from pillarbox.api.registry import operation
from pillarbox.kit.errors import Invalid
from pillarbox.resources import account, import_jobs
from pillarbox.resources.import_jobs import Action, Destination, ImportJob


@operation("sesv2", "CreateImportJob")
async def create_import_job(call: Call, params: Params) -> Result:
    source = params["ImportDataSource"]
    _check_bucket(call, source["S3Url"])
    destination, action, name = _destination(params["ImportDestination"])
    job = import_jobs.new(destination, action, source["S3Url"], name, call.now, as_json=source["DataFormat"] == "JSON")
    sandbox = await call.store.read(account.is_in_sandbox, call.scope, call.services.quota)
    await call.store.write(import_jobs.create, call.scope, job, call.now, sandbox)
    return {"JobId": job.job_id}


@operation("sesv2", "GetImportJob")
async def get_import_job(call: Call, params: Params) -> Result:
    job = await call.store.read(import_jobs.existing, call.scope, params["JobId"])
    return {
        **_summary(job),
        "ImportDataSource": {"S3Url": job.url, "DataFormat": "JSON" if job.as_json else "CSV"},
        "FailureInfo": {"ErrorMessage": job.why} if job.why else None,
        "CompletedTimestamp": job.completed_at,
    }


@operation("sesv2", "ListImportJobs")
async def list_import_jobs(call: Call, params: Params) -> Result:
    kind = params.get("ImportDestinationType")
    destination = Destination(kind) if kind else None
    page = await call.store.read(
        import_jobs.list_page, call.scope, destination, params.get("NextToken"), params.get("PageSize")
    )
    return {"ImportJobs": [_summary(job) for job in page.jobs], "NextToken": page.next_token}


def _check_bucket(call: Call, url: str) -> None:
    bucket = urlsplit(url).netloc
    if call.services.import_buckets.get(bucket) != call.scope.account:
        raise Invalid(
            f"This server does not import from {url}: its operator gives accounts their buckets by the setting"
            " s3.buckets, and imports files by `pillarbox suppression import` and `pillarbox contacts import`."
        )


def _destination(given: Params) -> tuple[Destination, Action, str]:
    if len(given) != 1:
        raise Invalid("ImportDestination must be exactly one of SuppressionListDestination and ContactListDestination.")
    if "ContactListDestination" in given:
        one = given["ContactListDestination"]
        return Destination.CONTACT_LIST, Action(one["ContactListImportAction"]), one["ContactListName"]
    one = given["SuppressionListDestination"]
    return Destination.SUPPRESSION_LIST, Action(one["SuppressionListImportAction"]), ""


def _summary(job: ImportJob) -> Result:
    if job.destination is Destination.CONTACT_LIST:
        destination = {
            "ContactListDestination": {
                "ContactListName": job.contact_list,
                "ContactListImportAction": job.action,
            }
        }
    else:
        destination = {"SuppressionListDestination": {"SuppressionListImportAction": job.action}}
    return {
        "JobId": job.job_id,
        "ImportDestination": destination,
        "JobStatus": job.status,
        "CreatedTimestamp": job.created_at,
        "ProcessedRecordsCount": job.processed,
        "FailedRecordsCount": job.failed,
    }
