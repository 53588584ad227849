//! The official Python SDKs drive the simulator unmodified: `alibabacloud-ens20171110` signs V3, `aliyun-python-sdk-ens`
//! signs V1. This keeps the simulator honest about the wire, independently of any client of ours.
//!
//! `tests/official_sdks/run` installs the SDKs and runs this file. By itself it uses the interpreter `ENS_SIM_PYTHON`,
//! else `python3`, and without the SDKs says so and passes, except under `CI=true`.

use std::process::{Command, Output};

use ens_sim::Simulator;
use ens_sim::cloud::{ApiError, Fault, FaultPlan, Latency};

/// What a script exits with when the SDK cannot be imported.
const NOT_INSTALLED: i32 = 77;
/// Codes that a walk cannot bring about by itself, with their HTTP status: its second and later calls of
/// DescribeVSwitches meet them in turn. The scripts get them as arguments.
const INJECTED: &[(u16, &str)] = &[
    (400, "PROCESSING"),
    (400, "NoPermission"),
    (400, "ens.interface.error"),
    (400, "IncorrectInstanceStatus"),
    (400, "IncorrectEipIpStatus"),
    (400, "InvalidUnAssociation.UnAssociateStandbyEipFist"),
    (400, "SaleControl.VerificationFailed"),
    (400, "StockNotEnough"),
    (403, "Forbidden.RAM"),
    (503, "ServiceUnavailable"),
    (500, "InternalError"),
    // An SDK signs with a fresh nonce and the right time, and sends only what its server knows.
    (400, "5100"),
    (404, "InvalidAction.NotFound"),
    (404, "InvalidApi.NotFound"),
    (404, "InvalidProduct.NotFound"),
    (400, "InvalidVersion"),
    (403, "UnsupportedHTTPMethod"),
    (400, "SignatureNonceUsed"),
    (400, "InvalidTimeStamp.Expired"),
    (400, "IncompleteSignature"),
    (400, "Throttling"),
    (400, "Throttling.Api"),
    (429, "Rejected.Throttling"),
    (503, "SystemBusy"),
    (500, "UnknownError"),
    (403, "Forbidden.RiskControl"),
    (400, "InsufficientBalance"),
];

#[test]
fn the_v3_sdk_buys_reads_changes_releases_and_meets_every_error() -> anyhow::Result<()> {
    drive("v3.py", "alibabacloud-ens20171110")
}

#[test]
fn the_v1_sdk_buys_reads_changes_releases_and_meets_every_error() -> anyhow::Result<()> {
    drive("v1.py", "aliyun-python-sdk-ens")
}

/// The example of the crate's README.
#[test]
fn the_readmes_example_buys_an_address_that_forwards() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let _running = runtime.enter();
    let simulator = runtime.block_on(
        Simulator::builder()
            .credentials("testid", "testsecret")
            .latency(Latency::instant())
            .start(),
    )?;
    let address = std::net::Ipv4Addr::new(127, 0, 9, 77);
    let node = std::net::TcpListener::bind((address, 0))?;
    simulator.set_instance_address("i-heifei-1", address)?;
    let python = std::env::var("ENS_SIM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let output = Command::new(&python)
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/examples/buy.py"))
        .arg(simulator.endpoint().trim_start_matches("http://"))
        .arg(node.local_addr()?.port().to_string())
        .output();
    let Some(output) = installed(output, "alibabacloud-ens20171110", &python) else {
        return Ok(());
    };
    let (said, wrong) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{said}\n{wrong}");
    let front = said
        .trim_end()
        .rsplit_once("curl http://")
        .map(|found| found.1);
    let _client = std::net::TcpStream::connect(front.unwrap_or(&said))?;
    node.accept()?;
    runtime.block_on(simulator.shutdown());
    Ok(())
}

/// What a script did; none, and a line about it, where its SDK is not installed.
fn installed(output: std::io::Result<Output>, package: &str, python: &str) -> Option<Output> {
    match output {
        Ok(output) if output.status.code() != Some(NOT_INSTALLED) => Some(output),
        _ => {
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "install {package} for {python}"
            );
            println!("skipped: install {package} for {python}");
            None
        }
    }
}

fn drive(script: &str, package: &str) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let start = Simulator::builder()
        .credentials("testid", "testsecret")
        .latency(Latency::instant())
        .faults(injected())
        .start();
    let simulator = runtime.block_on(start)?;
    let endpoint = simulator.endpoint();
    let python = std::env::var("ENS_SIM_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let path = format!(
        "{}/tests/official_sdks/{script}",
        env!("CARGO_MANIFEST_DIR")
    );
    let output = Command::new(&python)
        .arg(path)
        .arg(endpoint.trim_start_matches("http://"))
        .args(INJECTED.iter().map(|(_, code)| code))
        .output();
    let Some(output) = installed(output, package, &python) else {
        return Ok(());
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} failed:\n{said}");
    let journal = simulator.journal();
    assert_eq!(
        (journal.purchases.len(), journal.leaks().count()),
        (3, 0),
        "an ELB and two EIPs, all released"
    );
    runtime.block_on(simulator.shutdown());
    Ok(())
}

fn injected() -> FaultPlan {
    (2..)
        .zip(INJECTED)
        .fold(FaultPlan::default(), |plan, (nth, (status, code))| {
            let error = ApiError::new(*status, *code, "put into the fault plan");
            plan.at("DescribeVSwitches", nth, Fault::Refuse(error))
        })
}
