//! Certificates of every kind, shown by a server that speaks just enough TLS.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::{ServerConfig, ServerConnection, Stream, pki_types::PrivateKeyDer};

use super::*;
use crate::upstream::{
    Address, Endpoint, Kind, Reach, UnreachableKind,
    testing::{settings, upstream},
};

const REPLY: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 33\r\n\
    Connection: close\r\n\r\n{\"project_id\":1,\"name\":\"library\"}";

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority")
}

/// A certificate for this name, with one change.
fn server(authority: &Authority, name: &str, change: impl FnOnce(&mut CertificateParams)) -> String {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
    change(&mut params);
    let certificate = params.signed_by(&key, authority).expect("a certificate");
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).expect("a key"))
        .expect("a configuration");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("https://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let mut socket = connection;
            let mut session = ServerConnection::new(config.clone()).expect("a session");
            let mut stream = Stream::new(&mut session, &mut socket);
            // Fails where the client turns away, which is what is tested.
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(REPLY);
                session.send_close_notify();
                let _ = session.complete_io(&mut socket);
            }
        }
    });
    address
}

async fn connect(address: &str, tls: Tls) -> Result<(), Error> {
    let endpoint = Endpoint {
        kind: Kind::Harbor,
        address: Address::parse(address).expect("an address"),
        credentials: None,
        tls,
        reach: Reach::Platform,
    };
    let registry = upstream(settings()).registry(endpoint)?;
    registry.get_space("1").await.map(|_| ())
}

async fn fault(address: &str, tls: Tls) -> UnreachableKind {
    match connect(address, tls).await {
        Err(Error::Unreachable { kind, .. }) => kind,
        other => panic!("{other:?}"),
    }
}

fn trusting(authority: &Authority) -> Tls {
    Tls { verify: true, ca_certificate: Some(authority.pem()) }
}

#[tokio::test]
async fn an_unknown_authority_is_named_and_can_be_given() {
    let authority = authority();
    let address = server(&authority, "127.0.0.1", |_| {});
    assert_eq!(fault(&address, Tls::default()).await, UnreachableKind::UnknownAuthority);
    let other = self::authority();
    assert_eq!(fault(&address, trusting(&other)).await, UnreachableKind::UnknownAuthority);
    connect(&address, trusting(&authority)).await.expect("a trusted certificate");
    let unchecked = Tls { verify: false, ca_certificate: None };
    connect(&address, unchecked).await.expect("no check");
    // What one registry is allowed is not allowed to the next at the same address.
    assert_eq!(fault(&address, Tls::default()).await, UnreachableKind::UnknownAuthority);
}

#[tokio::test]
async fn other_faults_of_a_certificate_are_told_apart() {
    let authority = authority();
    let address = server(&authority, "harbor.example.com", |_| {});
    assert_eq!(fault(&address, trusting(&authority)).await, UnreachableKind::WrongName);
    let address = server(&authority, "127.0.0.1", |params| params.not_after = date_time_ymd(2020, 1, 1));
    assert_eq!(fault(&address, trusting(&authority)).await, UnreachableKind::Expired);
    let address = server(&authority, "127.0.0.1", |params| params.not_before = date_time_ymd(2999, 1, 1));
    assert_eq!(fault(&address, trusting(&authority)).await, UnreachableKind::NotYetValid);
}

#[test]
fn a_bad_ca_certificate_is_named() {
    let refused = |pem: &str| {
        let tls = Tls { verify: true, ca_certificate: Some(pem.to_owned()) };
        tls.check().expect_err(pem).cause()
    };
    assert!(refused("").contains("no certificate"));
    assert!(refused("hello").contains("no certificate"));
    let empty = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
    assert!(refused(empty).contains("is no certificate"));
    assert!(refused("-----BEGIN PRIVATE KEY-----\n").contains("private key"));
    assert!(refused(&" ".repeat(MAX_PEM_BYTES + 1)).contains("256 KiB"));
}
