use super::super::proxies::Proxies;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedKey, IsCa, KeyPair};
use reqwest::{Method, Url};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::super::auth::CredentialSource;
use super::super::certificates::{Certificates, ClientCertificate};
use super::super::host::Host;
use super::super::request::Request;
use super::super::resolver::Resolver;
use super::super::tls::{Roots, Tls, unverified, verified};
use super::super::trace::Trace;
use super::super::transport::{Client, Surroundings};
use super::super::url_policy::UrlPolicy;
use super::super::zone::Zone;
use super::super::{Trust, Wire};
use super::fake::{Fake, reply};
use crate::error::{Clue, Result};

/// A certificate that signs itself, as `openssl req -x509` makes them: marked as an authority.
fn authority(change: impl Fn(&mut CertificateParams)) -> CertifiedKey<KeyPair> {
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "h.example".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    change(&mut params);
    let signing_key = KeyPair::generate().unwrap();
    let cert = params.self_signed(&signing_key).unwrap();
    CertifiedKey { cert, signing_key }
}

fn key(of: &CertifiedKey<KeyPair>) -> PrivateKeyDer<'static> {
    PrivateKeyDer::Pkcs8(of.signing_key.serialize_der().into())
}

fn acceptor(own: &CertifiedKey<KeyPair>, clients: Option<&CertifiedKey<KeyPair>>) -> TlsAcceptor {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(known) => {
            let mut roots = RootCertStore::empty();
            roots.add(known.cert.der().clone()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let config = builder
        .with_single_cert(vec![own.cert.der().clone()], key(own))
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(own: &CertifiedKey<KeyPair>) -> Fake {
    Fake::start_tls(acceptor(own, None), |_, _| reply(200).body(r#"{"tags":["x"]}"#).into()).await
}

fn trusting(authorities: &[CertificateDer<'static>]) -> Certificates {
    Certificates {
        authorities: authorities.to_vec(),
        clients: Vec::new(),
    }
}

fn client(tls: &Tls, zone: Zone) -> Result<Client> {
    let policy = UrlPolicy { insecure: false, zone };
    let surroundings = Surroundings {
        resolver: Resolver::default(),
        proxies: Proxies::default(),
        idle_timeout: std::time::Duration::from_secs(5),
        trace: Trace::default(),
    };
    Client::new(tls, policy, &surroundings)
}

async fn ask(domain: &str, own: Certificates) -> Result<u16> {
    let tls = verified(&Roots::load(), own).unwrap();
    let client = client(&tls, Zone::Loopback).unwrap();
    let url = Url::parse(&format!("https://{domain}/v2/")).unwrap();
    let request = Request::new(Method::GET, "/v2/");
    let answer = client.exchange(&request, &url, None).await?;
    Ok(answer.status.as_u16())
}

#[tokio::test]
async fn a_trusted_authority_may_be_the_server_s_own_certificate() {
    let own = authority(|_| ());
    let fake = serve(&own).await;
    assert_eq!(
        ask(&fake.domain, trusting(&[own.cert.der().clone()])).await.unwrap(),
        200
    );
    let unknown = ask(&fake.domain, trusting(&[])).await.unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "tls: failed to verify certificate: x509: certificate signed by unknown authority"
    );
    let host = fake.domain.clone();
    assert_eq!(unknown.clue(), Some(&Clue::UnknownAuthority { host }));
    let other = authority(|_| ());
    assert!(ask(&fake.domain, trusting(&[other.cert.der().clone()])).await.is_err());
}

#[tokio::test]
async fn its_name_and_dates_count_all_the_same() {
    let named = authority(|params| params.subject_alt_names.truncate(0));
    let fake = serve(&named).await;
    let error = ask(&fake.domain, trusting(&[named.cert.der().clone()]))
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "tls: failed to verify certificate: x509: cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs"
    );
    let old = authority(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 1));
    let fake = serve(&old).await;
    let error = ask(&fake.domain, trusting(&[old.cert.der().clone()]))
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.starts_with(
            "tls: failed to verify certificate: x509: certificate has expired or is not yet valid: current time "
        ),
        "{text}"
    );
    assert!(text.ends_with(" is after 2020-01-01T00:00:00Z"), "{text}");
}

#[tokio::test]
async fn plain_http_behind_https_is_recognised() {
    // A server that answers any bytes with an HTTP error, as Go's does.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let domain = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let _ = stream.read(&mut [0; 100]).await;
            let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = ask(&domain, trusting(&[])).await.unwrap_err();
    assert_eq!(error.to_string(), "http: server gave HTTP response to HTTPS client");
    assert_eq!(error.clue(), Some(&Clue::PlainHttp { host: domain }));
}

#[tokio::test]
async fn an_insecure_host_is_asked_over_tls_first_whatever_its_certificate() {
    let fake = serve(&authority(|_| ())).await;
    let wire = Wire::new(Trust::default());
    let host = Host::new(wire.endpoint(&fake.domain), CredentialSource::None);
    let tags = Request::new(Method::GET, "/v2/a/b/tags/list");
    for _ in 0..2 {
        let answer = host.send(&tags).await.unwrap();
        assert_eq!(answer.status.as_u16(), 200);
    }
    let asked = "GET /v2/a/b/tags/list";
    assert_eq!(fake.lines(), ["GET /v2/", asked, asked]);
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_who_knows_it() {
    let (own, client) = (authority(|_| ()), authority(|params| params.is_ca = IsCa::NoCa));
    let tls = acceptor(&own, Some(&client));
    let fake = Fake::start_tls(tls, |_, _| reply(200).into()).await;
    let certificates = |clients| Certificates {
        authorities: vec![own.cert.der().clone()],
        clients,
    };
    let identity = |of: &CertifiedKey<KeyPair>| ClientCertificate {
        name: "client".to_owned(),
        chain: vec![of.cert.der().clone()],
        key: key(of),
    };
    let stranger = authority(|params| {
        params.is_ca = IsCa::NoCa;
        params.distinguished_name.push(rcgen::DnType::CommonName, "stranger");
    });
    let both = certificates(vec![identity(&stranger), identity(&client)]);
    assert_eq!(ask(&fake.domain, both).await.unwrap(), 200);
    let error = ask(&fake.domain, certificates(Vec::new())).await.unwrap_err();
    assert!(error.to_string().starts_with("remote error: tls: "), "{error}");
}

#[tokio::test]
async fn the_http_client_takes_our_tls_set_up() {
    assert!(client(&unverified().unwrap(), Zone::Public).is_ok());
}

#[tokio::test]
async fn a_name_that_leads_nearer_than_its_registry_is_not_connected_to() {
    let fake = Fake::start(|_, _| reply(200).into()).await;
    let port = fake.domain.rsplit(':').next().unwrap();
    let url = Url::parse(&format!("http://localhost:{port}/v2/")).unwrap();
    let request = Request::new(Method::GET, "/v2/");
    let ask = async |zone| {
        let client = client(&unverified().unwrap(), zone).unwrap();
        client
            .exchange(&request, &url, None)
            .await
            .map(|answer| answer.status.as_u16())
    };
    let error = ask(Zone::Private).await.unwrap_err().to_string();
    assert!(error.ends_with(", an address inside the network: refused"), "{error}");
    assert_eq!(fake.lines().len(), 0);
    assert_eq!(ask(Zone::Loopback).await.unwrap(), 200);
}
