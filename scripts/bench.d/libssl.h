/* OpenSSL inside the wheel of cryptography: nothing is exported there, so native.py hands its functions over by address.
 * FUNCTIONS is their list, in this order; native.py reads it from here. */
#include <stddef.h>
#include <stdint.h>

typedef struct SSL SSL;
typedef struct SSL_CTX SSL_CTX;
typedef struct SSL_METHOD SSL_METHOD;
typedef struct X509 X509;
typedef struct EVP_PKEY EVP_PKEY;
typedef struct BIO BIO;
typedef struct BIO_METHOD BIO_METHOD;
typedef struct CHAIN CHAIN; /* STACK_OF(X509) */

#define FUNCTIONS(F) \
    F(const SSL_METHOD *, TLS_client_method, (void)) \
    F(const SSL_METHOD *, TLS_server_method, (void)) \
    F(SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *)) \
    F(uint64_t, SSL_CTX_set_options, (SSL_CTX *, uint64_t)) \
    F(long, SSL_CTX_set_mode, (SSL_CTX *, long)) \
    F(int, SSL_CTX_set_cipher_list, (SSL_CTX *, const char *)) \
    F(int, SSL_CTX_set_ciphersuites, (SSL_CTX *, const char *)) \
    F(int, SSL_CTX_set1_curves_list, (SSL_CTX *, const char *)) \
    F(void, SSL_CTX_set_verify, (SSL_CTX *, int, void *)) \
    F(int, SSL_CTX_load_verify_locations, (SSL_CTX *, const char *, const char *)) \
    F(unsigned long, SSL_CTX_add_extra_chain_cert, (SSL_CTX *, X509 *)) \
    F(SSL *, SSL_new, (SSL_CTX *)) \
    F(void, SSL_free, (SSL *)) \
    F(int, SSL_set_fd, (SSL *, int)) \
    F(void, SSL_set_bio, (SSL *, BIO *, BIO *)) \
    F(int, SSL_use_certificate, (SSL *, X509 *)) \
    F(int, SSL_use_PrivateKey, (SSL *, EVP_PKEY *)) \
    F(long, SSL_set_tlsext_host_name, (SSL *, const char *)) \
    F(void, SSL_set_accept_state, (SSL *)) \
    F(void, SSL_set_connect_state, (SSL *)) \
    F(int, SSL_do_handshake, (SSL *)) \
    F(int, SSL_read, (SSL *, void *, int)) \
    F(int, SSL_write, (SSL *, const void *, int)) \
    F(int, SSL_shutdown, (SSL *)) \
    F(int, SSL_get_error, (const SSL *, int)) \
    F(CHAIN *, SSL_get_peer_cert_chain, (const SSL *)) \
    F(int, sk_X509_num, (const CHAIN *)) \
    F(X509 *, sk_X509_value, (const CHAIN *, int)) \
    F(int, i2d_X509_bio, (BIO *, X509 *)) \
    F(X509 *, d2i_X509_bio, (BIO *, X509 **)) \
    F(EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO *, EVP_PKEY **, void *, void *)) \
    F(X509 *, PEM_read_bio_X509, (BIO *, X509 **, void *, void *)) \
    F(BIO *, BIO_new, (const BIO_METHOD *)) \
    F(BIO *, BIO_new_file, (const char *, const char *)) \
    F(const BIO_METHOD *, BIO_s_mem, (void)) \
    F(long, BIO_get_mem_data, (BIO *, char **)) \
    F(int, BIO_read, (BIO *, void *, int)) \
    F(int, BIO_write, (BIO *, const void *, int)) \
    F(int, BIO_free, (BIO *)) \
    F(void, ERR_clear_error, (void))

#define DECLARE(type, name, arguments) static type (*name) arguments;
FUNCTIONS(DECLARE)

/* Numbers that are OpenSSL's binary interface (ssl.h) */
enum { WANT_READ = 2, WANT_WRITE = 3, VERIFY_NONE = 0, VERIFY_PEER = 1 };
enum { MODE_PARTIAL_WRITE = 1, MODE_MOVING_BUFFER = 2 };
#define LEGACY_SERVER_CONNECT ((uint64_t)1 << 2)

static inline void take_functions(void *const *table)
{
#define TAKE(type, name, arguments) name = (type(*) arguments) * table++;
    FUNCTIONS(TAKE)
}
