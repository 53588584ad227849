//! Calls any action of the ENS OpenAPI and prints its answer.
//!
//! ```text
//! export ALIBABA_CLOUD_ACCESS_KEY_ID=... ALIBABA_CLOUD_ACCESS_KEY_SECRET=...
//! cargo run -p ens-openapi --example call -- DescribeLoadBalancers EnsRegionId=cn-chengdu-telecom PageSize=100
//! cargo run -p ens-openapi --example call -- --endpoint http://127.0.0.1:8080 DescribeEnsRegions
//! ```

use std::error::Error as StdError;
use std::process::ExitCode;

use ens_openapi::{Client, EnvironmentCredentials, Params};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match call(std::env::args().skip(1).collect()).await {
        Ok(answer) => {
            println!("{answer:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            let mut cause = error.source();
            while let Some(source) = cause {
                eprintln!("  caused by: {source}");
                cause = source.source();
            }
            if let Some(error) = error.downcast_ref::<ens_openapi::Error>() {
                eprintln!(
                    "  class: {}, effect: {:?}. {}",
                    error.class(),
                    error.effect(),
                    error.advice()
                );
            }
            ExitCode::FAILURE
        }
    }
}

async fn call(mut arguments: Vec<String>) -> Result<serde_json::Value, Box<dyn StdError>> {
    let mut client = Client::builder(EnvironmentCredentials::of_this_process())
        .user_agent_suffix("example/call");
    if arguments.len() >= 2 && arguments[0] == "--endpoint" {
        client = client.endpoint(arguments.remove(1));
        arguments.remove(0);
    }
    let mut arguments = arguments.into_iter();
    let action = arguments
        .next()
        .ok_or("usage: call [--endpoint URL] ACTION [NAME=VALUE]...")?;
    let mut params = Params::new();
    for argument in arguments {
        let (name, value) = argument
            .split_once('=')
            .ok_or_else(|| format!("argument \"{argument}\" is not NAME=VALUE"))?;
        params.set(name, value);
    }
    Ok(client.build()?.call(action, &params).await?)
}
