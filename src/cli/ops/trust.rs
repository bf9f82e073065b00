//! Which certificate a command takes for that of the ops listener: the one that stands in the file of `[ops.tls]`, byte
//! for byte, whoever signed it and whatever name it has; any other one only as a browser would, for the name asked for.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};

#[derive(Debug)]
struct Own {
    leaf: CertificateDer<'static>,
    /// Over the machine's roots and the certificates of the file.
    others: Arc<WebPkiServerVerifier>,
}

/// How a listener is spoken to that shows the certificate in `file`.
pub(super) fn config(file: &Path) -> anyhow::Result<ClientConfig> {
    let pem = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let chain = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.with_context(|| format!("{} holds no certificates", file.display()))?;
    let leaf = chain.first().cloned();
    let leaf = leaf.with_context(|| format!("{} holds no certificates", file.display()))?;
    let mut roots = RootCertStore::empty();
    // What cannot be a root is none; the leaf is compared all the same.
    roots.add_parsable_certificates(chain);
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let others =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let others = others
        .build()
        .with_context(|| format!("{} holds no certificate that can be used", file.display()))?;
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Own { leaf, others }))
        .with_no_client_auth())
}

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Who shows it has to prove, by the signatures below, that the key is his.
        if shown.as_ref() == self.leaf.as_ref() {
            return Ok(ServerCertVerified::assertion());
        }
        self.others
            .verify_server_cert(shown, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.others
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.others
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.others.supported_verify_schemes()
    }
}
