//! Keys, certificates, tokens and kubeconfigs of one control plane.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use serde_json::json;
use thiserror::Error;

/// Who may talk to the API server with a token from the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum User {
    /// May do everything: in group system:masters.
    Admin,
    /// `nobody`, who may do what every authenticated user may, until a binding gives more.
    Nobody,
    /// The controllers of kube-controller-manager.
    ControllerManager,
}

impl User {
    pub(crate) const ALL: [Self; 3] = [Self::Admin, Self::Nobody, Self::ControllerManager];

    /// The name that RBAC knows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Nobody => "nobody",
            // Bound by the API server's own roles (plugin/pkg/auth/authorizer/rbac/bootstrappolicy).
            Self::ControllerManager => "system:kube-controller-manager",
        }
    }

    fn groups(self) -> &'static str {
        match self {
            Self::Admin => "system:masters",
            Self::Nobody | Self::ControllerManager => "",
        }
    }
}

/// Keys and certificates could not be made.
#[derive(Debug, Error)]
pub enum CredentialsError {
    /// A key or a certificate.
    #[error("making a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The system gave no random bytes.
    #[error("drawing a token: the system has no random bytes")]
    Random,
    /// A file.
    #[error("writing {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

/// What stands in the folder of a control plane.
pub(crate) struct Credentials {
    ca: String,
    tokens: [String; 3],
    pub(crate) ca_file: PathBuf,
    pub(crate) certificate_file: PathBuf,
    pub(crate) key_file: PathBuf,
    /// Signs the tokens of service accounts.
    pub(crate) service_account_key_file: PathBuf,
    /// Verifies them. The API server takes no private key in PKCS #8 for that (k8s.io/client-go/util/keyutil).
    pub(crate) service_account_public_key_file: PathBuf,
    pub(crate) token_file: PathBuf,
}

impl Credentials {
    /// Makes them new. Only this user can read the files.
    pub(crate) fn make(folder: &Path) -> Result<Self, CredentialsError> {
        let ca = authority()?;
        let key = KeyPair::generate()?;
        let account_key = KeyPair::generate()?;
        let certificate = serving()?.signed_by(&key, &ca)?;
        let tokens = [token()?, token()?, token()?];
        let lines = User::ALL.iter().zip(&tokens).map(|(user, token)| {
            let (name, groups) = (user.name(), user.groups());
            format!("{token},{name},{name},\"{groups}\"")
        });
        let lines = lines.collect::<Vec<_>>().join("\n");
        let file = |name: &str, text: &str| write(folder.join(name), text);
        Ok(Self {
            ca_file: file("ca.crt", &ca.pem())?,
            certificate_file: file("apiserver.crt", &certificate.pem())?,
            key_file: file("apiserver.key", &key.serialize_pem())?,
            service_account_key_file: file("service-account.key", &account_key.serialize_pem())?,
            service_account_public_key_file: file(
                "service-account.pub",
                &account_key.public_key_pem(),
            )?,
            token_file: file("tokens.csv", &lines)?,
            ca: ca.pem(),
            tokens,
        })
    }

    /// A kubeconfig. YAML is a superset of JSON, which needs no quoting rules.
    pub(crate) fn kubeconfig(&self, user: User, server: SocketAddr) -> String {
        let [admin, nobody, controller_manager] = &self.tokens;
        let token = match user {
            User::Admin => admin,
            User::Nobody => nobody,
            User::ControllerManager => controller_manager,
        };
        let name = user.name();
        let cluster = "control-plane";
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": cluster,
            "clusters": [{ "name": cluster, "cluster": {
                "server": format!("https://{server}"),
                "certificate-authority-data": base64(self.ca.as_bytes()),
            }}],
            "contexts": [{ "name": cluster, "context": {
                "cluster": cluster, "user": name, "namespace": "default",
            }}],
            "users": [{ "name": name, "user": { "token": token } }],
        });
        format!("{config:#}\n")
    }
}

/// Writes a file that only this user can read.
pub(crate) fn write(path: PathBuf, text: &str) -> Result<PathBuf, CredentialsError> {
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    match written {
        Ok(()) => Ok(path),
        Err(source) => Err(CredentialsError::Write { path, source }),
    }
}

fn authority() -> Result<CertifiedIssuer<'static, KeyPair>, rcgen::Error> {
    let mut params = CertificateParams::default();
    params
        .distinguished_name
        .push(DnType::CommonName, "control plane for tests");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    CertifiedIssuer::self_signed(params, KeyPair::generate()?)
}

fn serving() -> Result<CertificateParams, rcgen::Error> {
    let names = ["127.0.0.1", "localhost", "kubernetes.default.svc"];
    let mut params = CertificateParams::new(names.map(str::to_owned))?;
    params
        .distinguished_name
        .push(DnType::CommonName, "kube-apiserver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

/// 128 random bits in hexadecimal.
fn token() -> Result<String, CredentialsError> {
    let mut bytes = [0; 16];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| CredentialsError::Random)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}
