"""Sentences that decide more than one scene, word for word, and where they stand."""

from __future__ import annotations

TLS13_ORDER = (
    "RFC 8446 §4.4.2: The sender's certificate MUST come in the first CertificateEntry in the list. Each following "
    "certificate SHOULD directly certify the one immediately preceding it."
)
TLS12_ORDER = (
    "RFC 5246 §7.4.2: The sender's certificate MUST come first in the list. Each following certificate MUST directly "
    "certify the one preceding it."
)
ROOT_OMITTED = (
    "RFC 8446 §4.4.2: Because certificate validation requires that trust anchors be distributed independently, a "
    "certificate that specifies a trust anchor MAY be omitted from the chain, provided that supported peers are known "
    "to possess any omitted certificates."
)
EXTRANEOUS = (
    "RFC 8446 §4.4.2: For maximum compatibility, all implementations SHOULD be prepared to handle potentially "
    "extraneous certificates and arbitrary orderings from any TLS version, with the exception of the end-entity "
    "certificate which MUST be first."
)
ISSUED_BY_ANCHOR = "RFC 5280 §6.1 (b): certificate 1 is issued by the trust anchor;"
VALID_NOW = "RFC 5280 §6.1 (d): for all x in {1, ..., n}, the certificate was valid at the time in question."
SIGNATURE = (
    "RFC 5280 §6.1.3 (a)(1): The signature on the certificate can be verified using the working_public_key_algorithm, "
    "the working_public_key, and the working_public_key_parameters."
)
NO_BACKTRACKING = (
    "openssl-verification-options(1): The relevant authority key identifier components of the current certificate (if "
    "present) must match the subject key identifier (if present) and issuer and serial number of the candidate issuer "
    "certificate. If there is such a certificate, the first one found that is currently valid is taken, otherwise the "
    "one that expired most recently of all such certificates."
)
IS_A_CA = (
    "RFC 5280 §6.1.4 (k): If certificate i is a version 3 certificate, verify that the basicConstraints extension is "
    "present and that cA is set to TRUE."
)
PATH_LENGTH = (
    "RFC 5280 §4.2.1.9: it gives the maximum number of non-self-issued intermediate certificates that may follow this "
    "certificate in a valid certification path."
)
PURPOSE = (
    "RFC 5280 §4.2.1.12: If the extension is present, then the certificate MUST only be used for one of the purposes "
    "indicated."
)
CERT_SIGN = "RFC 5280 §6.1.4 (n): If a key usage extension is present, verify that the keyCertSign bit is set."
NAME_SPACE = (
    "RFC 5280 §4.2.1.10: The name constraints extension, which MUST be used only in a CA certificate, indicates a name "
    "space within which all subject names in subsequent certificates in a certification path MUST be located."
)
CRITICAL = (
    "RFC 5280 §4.2: A certificate-using system MUST reject the certificate if it encounters a critical extension it "
    "does not recognize or a critical extension that contains information that it cannot process."
)
COMMON_NAME = (
    "RFC 9525 §2: The Common Name RDN MUST NOT be used to identify a service because it is not strongly typed (it is "
    "essentially free-form text) and therefore suffers from ambiguities in interpretation."
)
LEVEL_1 = (
    "SSL_CTX_set_security_level(3), level 1: Any parameters offering below 80 bits of security are excluded. As a "
    "result RSA, DSA and DH keys shorter than 1024 bits and ECC keys shorter than 160 bits are prohibited."
)
LEVEL_2 = (
    "SSL_CTX_set_security_level(3), level 2: Security level set to 112 bits of security. As a result RSA, DSA and DH "
    "keys shorter than 2048 bits and ECC keys shorter than 224 bits are prohibited."
)
WEAK_HASHES = (
    "SSL_CTX_set_security_level(3), level 1: Note that signatures using SHA1 and MD5 are also forbidden at this level "
    "as they have less than 80 security bits."
)
ANY_ALGORITHM = (
    "RFC 8446 §4.4.2.2: Certificates that are self-signed or certificates that are expected to be trust anchors are "
    "not validated as part of the chain and therefore MAY be signed with any algorithm."
)
