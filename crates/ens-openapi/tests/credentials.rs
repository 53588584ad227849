//! Sources of credentials, over scripted answers, variables and files.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use ens_openapi::Context;
use ens_openapi::credentials::{
    CredentialChain, CredentialsIo, FileCredentials, ProvideCredentials,
};
use support::{Script, Step, now};

/// Expires an hour after [`now`].
const TEMPORARY: &str = r#"{"Code":"Success","AccessKeyId":"STS.id","AccessKeySecret":"sts-secret",
    "SecurityToken":"sts-token","Expiration":"2026-01-02T04:04:05Z"}"#;

struct World {
    script: Script,
    variables: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

impl World {
    fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        // The metadata service is only asked where a test wants it.
        let variables = [(
            "ALIBABA_CLOUD_ECS_METADATA_DISABLED".to_owned(),
            "true".to_owned(),
        )]
        .into();
        Self {
            script: Script::new(steps),
            variables,
            files: BTreeMap::new(),
        }
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    fn oidc(self) -> Self {
        self.variable("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/token")
            .variable(
                "ALIBABA_CLOUD_OIDC_PROVIDER_ARN",
                "acs:ram::1:oidc-provider/p",
            )
            .variable("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/r")
            .file("/token", "jwt+token")
    }

    fn ecs(self) -> Self {
        self.variable("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "false")
    }

    fn chain(&self) -> CredentialChain {
        let (variables, files) = (self.variables.clone(), self.files.clone());
        let read_file = move |path: &Path| {
            let text = files
                .get(path.to_str().unwrap())
                .ok_or(std::io::ErrorKind::NotFound)?;
            Ok(text.clone().into_bytes())
        };
        CredentialChain::official(&CredentialsIo::new(
            Context::new(now, || 0),
            self.script.clone(),
            move |name| variables.get(name).cloned(),
            read_file,
        ))
    }

    async fn id_and_token(&self) -> (String, Option<String>) {
        let credentials = self.chain().credentials().await.unwrap();
        let token = credentials
            .security_token
            .as_ref()
            .map(|token| token.expose().to_owned());
        (credentials.access_key_id.clone(), token)
    }
}

fn sts_answer() -> Step {
    Step::ok(&format!(r#"{{"RequestId":"R","Credentials":{TEMPORARY}}}"#))
}

#[tokio::test]
async fn a_service_account_is_exchanged_for_a_role() {
    let world = World::new([sts_answer()]).oidc();
    assert_eq!(
        world.id_and_token().await,
        ("STS.id".to_owned(), Some("sts-token".to_owned()))
    );
    let sent = world.script.sent().remove(0);
    assert_eq!(sent.method, http::Method::POST);
    assert_eq!(
        sent.uri.to_string(),
        "https://sts.aliyuncs.com/?Action=AssumeRoleWithOIDC&Format=JSON&Timestamp=2026-01-02T03%3A04%3A05Z\
         &Version=2015-04-01"
    );
    assert_eq!(
        sent.header("content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(sent.header("authorization"), "");
    assert_eq!(
        sent.body,
        "DurationSeconds=3600&OIDCProviderArn=acs%3Aram%3A%3A1%3Aoidc-provider%2Fp&OIDCToken=jwt%2Btoken\
         &RoleArn=acs%3Aram%3A%3A1%3Arole%2Fr&RoleSessionName=ens-openapi"
    );
}

#[tokio::test]
async fn sts_is_asked_in_the_region_and_network_that_the_variables_say() {
    for (vpc, host) in [
        ("false", "sts.cn-beijing.aliyuncs.com"),
        ("true", "sts-vpc.cn-beijing.aliyuncs.com"),
    ] {
        let world = World::new([sts_answer()])
            .oidc()
            .variable("ALIBABA_CLOUD_STS_REGION", "cn-beijing")
            .variable("ALIBABA_CLOUD_VPC_ENDPOINT_ENABLED", vpc);
        world.id_and_token().await;
        assert_eq!(world.script.sent()[0].uri.host(), Some(host));
    }
}

#[tokio::test]
async fn variables_come_before_everything_else() {
    let world = World::new([])
        .oidc()
        .variable("ALIBABA_CLOUD_ACCESS_KEY_ID", "id")
        .variable("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "secret");
    assert_eq!(world.id_and_token().await, ("id".to_owned(), None));
}

#[tokio::test]
async fn the_current_profile_is_read_and_another_can_be_named() {
    let config = r#"{"current":"default","profiles":[
        {"name":"default","mode":"AK","access_key_id":"a","access_key_secret":"s"},
        {"name":"sts","mode":"StsToken","access_key_id":"b","access_key_secret":"s","sts_token":"t"}]}"#;
    let world = World::new([])
        .variable("HOME", "/home/me")
        .file("/home/me/.aliyun/config.json", config);
    assert_eq!(world.id_and_token().await, ("a".to_owned(), None));
    let world = world.variable("ALIBABA_CLOUD_PROFILE", "sts");
    assert_eq!(
        world.id_and_token().await,
        ("b".to_owned(), Some("t".to_owned()))
    );
}

#[tokio::test]
async fn the_role_of_an_instance_is_asked_with_a_session_token() {
    let world = World::new([
        Step::ok("session\n"),
        Step::ok("my-role\n"),
        Step::ok(TEMPORARY),
    ])
    .ecs();
    assert_eq!(world.id_and_token().await.0, "STS.id");
    let sent = world.script.sent();
    let paths: Vec<_> = sent
        .iter()
        .map(|sent| (sent.method.as_str(), sent.uri.path()))
        .collect();
    assert_eq!(
        paths,
        [
            ("PUT", "/latest/api/token"),
            ("GET", "/latest/meta-data/ram/security-credentials/"),
            ("GET", "/latest/meta-data/ram/security-credentials/my-role"),
        ]
    );
    assert_eq!(sent[2].header("x-aliyun-ecs-metadata-token"), "session");
    // rule_10_5: it opens the role to whoever reads it.
    assert!(sent[2].headers["x-aliyun-ecs-metadata-token"].is_sensitive());
}

#[tokio::test]
async fn a_metadata_service_that_gives_no_credentials_says_why() {
    for (answer, wanted) in [
        (r#"{"Code":"Failed"}"#, "says Failed for role my-role"),
        (
            r#"{"Code":"Success","AccessKeyId":"a","AccessKeySecret":"key-88"}"#,
            "gives no whole credentials for role my-role",
        ),
    ] {
        let world = World::new([Step::ok("session"), Step::ok(answer)])
            .ecs()
            .variable("ALIBABA_CLOUD_ECS_METADATA", "my-role");
        let error = world.chain().credentials().await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(text.contains(wanted) && !text.contains("key-88"), "{text}");
    }
}

#[tokio::test]
async fn an_old_metadata_service_is_asked_without_a_token_unless_that_is_forbidden() {
    let steps = || [Step::status(404, ""), Step::ok(TEMPORARY)];
    let world = World::new(steps())
        .ecs()
        .variable("ALIBABA_CLOUD_ECS_METADATA", "my-role");
    assert_eq!(world.id_and_token().await.0, "STS.id");
    let strict = World::new(steps())
        .ecs()
        .variable("ALIBABA_CLOUD_IMDSV1_DISABLED", "true");
    assert!(strict.chain().credentials().await.is_err());
    assert_eq!(strict.script.sent().len(), 1);
}

#[tokio::test]
async fn a_server_of_ones_own_is_asked_last() {
    let world = World::new([
        Step::refused_connection(),
        Step::refused_connection(),
        Step::ok(TEMPORARY),
    ])
    .ecs()
    .variable(
        "ALIBABA_CLOUD_CREDENTIALS_URI",
        "http://127.0.0.1:9/credentials",
    );
    assert_eq!(world.id_and_token().await.0, "STS.id");
    assert_eq!(world.script.sent()[2].uri, "http://127.0.0.1:9/credentials");
}

#[tokio::test]
async fn the_source_that_worked_is_kept_while_another_would_work_too() {
    let world = World::new([sts_answer()])
        .oidc()
        .variable("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:9/");
    let chain = world.chain();
    let first = chain.credentials().await.unwrap();
    let second = chain.credentials().await.unwrap();
    assert_eq!(first.access_key_id, second.access_key_id);
    assert_eq!(world.script.sent().len(), 1);
}

// pitfall_29
#[tokio::test(start_paused = true)]
async fn a_total_failure_names_every_cause_and_no_secret() {
    let leaking = r#"{"Code":"AuthenticationFail","Message":"token jwt+token is bad"}"#;
    let world = World::new([Step::status(400, leaking), Step::Hang, Step::Hang])
        .oidc()
        .ecs()
        .variable("HOME", "/home/me")
        .file("/home/me/.aliyun/config.json", r#"{"current":"x","profiles":[{"name":"x","mode":"OAuth","access_key_id":"a","access_key_secret":"key-77"}]}"#);
    let error = world.chain().credentials().await.unwrap_err();
    let text = error.to_string();
    for cause in [
        "ALIBABA_CLOUD_ACCESS_KEY_ID",
        "HTTP status 400 AuthenticationFail",
        "mode \"OAuth\"",
        "no answer within 2000 ms",
    ] {
        assert!(text.contains(cause), "{cause} is missing in: {text}");
    }
    let printed = format!("{error:?} {text}");
    assert!(
        !printed.contains("jwt+token") && !printed.contains("key-77"),
        "{printed}"
    );
    assert!(error.is_transient());
}

// pitfall_30
#[tokio::test]
async fn a_source_that_is_not_set_up_is_named_with_what_would_set_it_up() {
    let world = World::new([]).variable("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true");
    let text = world.chain().credentials().await.unwrap_err().to_string();
    for cause in [
        "environment: environment variable ALIBABA_CLOUD_ACCESS_KEY_ID is not set",
        "OIDC: ALIBABA_CLOUD_OIDC_TOKEN_FILE,",
        "CLI profile: ALIBABA_CLOUD_CLI_PROFILE_DISABLED is true",
        "credentials file: neither ALIBABA_CLOUD_CREDENTIALS_FILE",
        "ECS RAM role: ALIBABA_CLOUD_ECS_METADATA_DISABLED is true",
        "URI: ALIBABA_CLOUD_CREDENTIALS_URI is not set",
    ] {
        assert!(text.contains(cause), "{cause} is missing in: {text}");
    }
}

// pitfall_29
#[tokio::test]
async fn an_answer_of_the_wrong_shape_is_not_repeated_in_the_error() {
    let world = World::new([Step::ok(
        r#"{"AccessKeyId":"a","AccessKeySecret":["key-99"]}"#,
    )])
    .variable("ALIBABA_CLOUD_CREDENTIALS_URI", "http://127.0.0.1:9/");
    let error = world.chain().credentials().await.unwrap_err();
    assert!(
        !format!("{error:?} {error}").contains("key-99"),
        "{error:?}"
    );
}

// rule_10_5
#[tokio::test]
async fn the_address_of_a_server_of_ones_own_may_hold_a_password_and_is_never_shown() {
    let world = World::new([Step::status(500, "no"), Step::refused_connection()]).variable(
        "ALIBABA_CLOUD_CREDENTIALS_URI",
        "http://me:word-55@127.0.0.1:9/?token=word-66",
    );
    let chain = world.chain();
    let error = chain.credentials().await.unwrap_err();
    let shown = format!("{chain:?} {error:?} {error}");
    assert!(shown.contains("ALIBABA_CLOUD_CREDENTIALS_URI"), "{shown}");
    for secret in ["word-55", "word-66"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

/// A world whose CLI configuration has these profiles, the first of them named `p`.
fn with_profiles(profiles: &str, steps: impl IntoIterator<Item = Step>) -> World {
    let config = format!(r#"{{"current":"p","profiles":[{profiles}]}}"#);
    World::new(steps)
        .variable("HOME", "/home/me")
        .file("/home/me/.aliyun/config.json", &config)
}

const ASSUMES: &str = r#"{"name":"p","mode":"RamRoleArn","access_key_id":"a","access_key_secret":"s",
    "ram_role_arn":"acs:ram::1:role/r","ram_session_name":"me","expired_seconds":900,"sts_region":"cn-beijing",
    "external_id":"x","policy":"{}"}"#;

#[tokio::test]
async fn a_profile_assumes_its_role_with_its_key() {
    let world = with_profiles(ASSUMES, [sts_answer()]);
    assert_eq!(
        world.id_and_token().await,
        ("STS.id".to_owned(), Some("sts-token".to_owned()))
    );
    let sent = world.script.sent().remove(0);
    assert_eq!(sent.method, http::Method::POST);
    assert_eq!(sent.uri.host(), Some("sts.cn-beijing.aliyuncs.com"));
    assert_eq!(
        sent.body,
        "DurationSeconds=900&ExternalId=x&Policy=%7B%7D&RoleArn=acs%3Aram%3A%3A1%3Arole%2Fr&RoleSessionName=me"
    );
    let query: BTreeMap<_, _> = sent.query().into_iter().collect();
    assert_eq!(query["Action"], "AssumeRole");
    assert_eq!(query["AccessKeyId"], "a");
    assert!(!query.contains_key("SecurityToken"));
    // What is signed is query and form together, by the rule of V1.
    let mut all = query.clone();
    all.remove("Signature");
    all.extend(url::form_urlencoded::parse(&sent.body).into_owned());
    let pairs = all.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let signed = ens_openapi::signer::CanonicalQuery::new(pairs);
    let signature = ens_openapi::signer::v1::StringToSign::new("POST", &signed)
        .sign(&ens_openapi::Secret::new("s"));
    assert_eq!(query["Signature"], signature);
}

#[tokio::test]
async fn an_assumed_role_is_kept_until_the_file_changes() {
    let world = with_profiles(ASSUMES, [sts_answer()]);
    let chain = world.chain();
    chain.credentials().await.unwrap();
    chain.credentials().await.unwrap();
    assert_eq!(world.script.sent().len(), 1);
}

#[tokio::test]
async fn a_role_is_assumed_with_the_role_of_another_profile() {
    let chained = r#"{"name":"p","mode":"ChainableRamRoleArn","source_profile":"q","ram_role_arn":"role-2"},
        {"name":"q","mode":"RamRoleArn","access_key_id":"a","access_key_secret":"s","ram_role_arn":"role-1"}"#;
    let world = with_profiles(chained, [sts_answer(), sts_answer()]);
    assert_eq!(world.id_and_token().await.0, "STS.id");
    let sent = world.script.sent();
    assert!(sent[0].body.windows(6).any(|part| part == b"role-1"));
    assert!(sent[1].body.windows(6).any(|part| part == b"role-2"));
    let query: BTreeMap<_, _> = sent[1].query().into_iter().collect();
    assert_eq!(query["AccessKeyId"], "STS.id");
    assert_eq!(query["SecurityToken"], "sts-token");
}

#[tokio::test]
async fn a_profile_without_a_role_takes_the_one_that_the_variables_name() {
    let profile = r#"{"name":"p","mode":"RamRoleArn","access_key_id":"a","access_key_secret":"s"}"#;
    let world = with_profiles(profile, [sts_answer()])
        .variable("ALIBABA_CLOUD_ROLE_ARN", "role-3")
        .variable("ALIBABA_CLOUD_ROLE_SESSION_NAME", "shift");
    assert_eq!(world.id_and_token().await.0, "STS.id");
    assert_eq!(
        world.script.sent()[0].body,
        "DurationSeconds=3600&RoleArn=role-3&RoleSessionName=shift"
    );
}

#[tokio::test]
async fn profiles_that_assume_each_other_are_an_error_and_no_endless_loop() {
    let circle = r#"{"name":"p","mode":"ChainableRamRoleArn","source_profile":"q","ram_role_arn":"r"},
        {"name":"q","mode":"ChainableRamRoleArn","source_profile":"p","ram_role_arn":"r"}"#;
    let error = with_profiles(circle, []).chain().credentials().await;
    let text = error.unwrap_err().to_string();
    assert!(
        text.contains("\"p\"") && text.contains("source_profile of itself"),
        "{text}"
    );
}

#[tokio::test]
async fn a_profile_names_the_role_of_the_instance() {
    let profile = r#"{"name":"p","mode":"EcsRamRole","ram_role_name":"my-role"}"#;
    let world = with_profiles(profile, [Step::ok("session"), Step::ok(TEMPORARY)]);
    assert_eq!(world.id_and_token().await.0, "STS.id");
    assert!(world.script.sent()[1].uri.path().ends_with("/my-role"));
}

#[tokio::test]
async fn a_profile_exchanges_a_service_account() {
    let profile = r#"{"name":"p","mode":"OIDC","oidc_token_file":"/token","oidc_provider_arn":"o",
        "ram_role_arn":"r","ram_session_name":"me"}"#;
    let world = with_profiles(profile, [sts_answer()]).file("/token", "jwt");
    assert_eq!(world.id_and_token().await.0, "STS.id");
    assert_eq!(
        world.script.sent()[0].body,
        "DurationSeconds=3600&OIDCProviderArn=o&OIDCToken=jwt&RoleArn=r&RoleSessionName=me"
    );
}

#[tokio::test]
async fn a_profile_that_lacks_something_names_it() {
    for (profile, wanted) in [
        (
            r#"{"name":"p","mode":"AK","access_key_id":"a"}"#,
            "has no access_key_secret",
        ),
        (r#"{"name":"p","mode":"OIDC"}"#, "has no oidc_token_file"),
        (
            r#"{"name":"p","mode":"ChainableRamRoleArn"}"#,
            "has no source_profile",
        ),
        (
            r#"{"name":"p","mode":"RamRoleArn","access_key_id":"a","access_key_secret":"s"}"#,
            "has no ram_role_arn",
        ),
        (
            r#"{"name":"p","mode":"RamRoleArn","access_key_id":"a","access_key_secret":"s",
                "ram_role_arn":"r","expired_seconds":60}"#,
            "has expired_seconds 60; at least 900",
        ),
        (
            r#"{"name":"p","mode":"StsToken","access_key_id":"a","access_key_secret":"s"}"#,
            "has no sts_token",
        ),
        (r#"{"name":"q","mode":"AK"}"#, "does not exist"),
    ] {
        let error = with_profiles(profile, []).chain().credentials().await;
        let text = error.unwrap_err().to_string();
        assert!(text.contains(wanted), "{text}");
    }
}

#[tokio::test]
async fn the_credentials_file_comes_after_the_profile_of_the_cli() {
    let ini = "[default]\ntype = access_key\naccess_key_id = i\naccess_key_secret = s\n\
        [roles]\ntype=ram_role_arn\naccess_key_id=i\naccess_key_secret=s\nrole_arn=r\nrole_session_name=me\n";
    let world = World::new([sts_answer()])
        .variable("HOME", "/home/me")
        .file("/home/me/.alibabacloud/credentials", ini);
    assert_eq!(world.id_and_token().await, ("i".to_owned(), None));
    let world = world.variable("ALIBABA_CLOUD_PROFILE", "roles");
    assert_eq!(world.id_and_token().await.0, "STS.id");
    let world = world.variable("ALIBABA_CLOUD_PROFILE", "missing");
    let text = world.chain().credentials().await.unwrap_err().to_string();
    assert!(text.contains("section [missing] does not exist"), "{text}");
}

// pitfall_30
#[tokio::test]
async fn a_mounted_secret_is_taken_up_when_it_changes_and_missed_when_it_is_gone() {
    let content = Arc::new(Mutex::new(None::<String>));
    let read = Arc::clone(&content);
    let io = CredentialsIo::new(
        Context::new(now, || 0),
        Script::new([]),
        |_| None,
        move |_| {
            let content = read.lock().unwrap().clone();
            Ok(content.ok_or(std::io::ErrorKind::NotFound)?.into_bytes())
        },
    );
    let source = FileCredentials::new(&io, "/secret/credentials");
    assert!(source.credentials().await.is_err());
    for id in ["first", "second"] {
        *content.lock().unwrap() = Some(format!(
            "[default]\ntype=access_key\naccess_key_id={id}\naccess_key_secret=key-55\n"
        ));
        assert_eq!(source.credentials().await.unwrap().access_key_id, id);
    }
    *content.lock().unwrap() = Some("[default]\ntype=odd\naccess_key_secret=key-55\n".to_owned());
    let error = source.credentials().await.unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains("odd") && !text.contains("key-55"), "{text}");
}
