/* The yardstick: the probe of ours in C with epoll. TCP, greeting, EHLO, STARTTLS, handshake, second EHLO, the list of
 * certificates in DER, QUIT, and its reply. TLS runs over memory BIOs: with SSL_set_fd it takes a twentieth more, for
 * each record is then read in two calls. client_run() returns how many of the targets came to the end. */
#define _GNU_SOURCE
#include "libssl.h"
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum stage { GREETING, EHLO, STARTTLS, HANDSHAKE, EHLO_TLS, QUIT };

struct probe {
    int fd;
    enum stage stage;
    SSL *tls;
    BIO *in, *out;
    char *ders; /* certificates in DER, one behind the other */
    long ders_length;
    int length;
    char reply[2048];
};

static SSL_CTX *context;
static const char *name;
static int poller, succeeded, running;

static int say(struct probe *p, const char *data, int length)
{
    return send(p->fd, data, length, MSG_NOSIGNAL) == length;
}

/* Send what TLS has to send. */
static int flush(struct probe *p)
{
    char data[16384];
    for (int n; (n = BIO_read(p->out, data, sizeof data)) > 0;)
        if (!say(p, data, n))
            return 0;
    return 1;
}

static int say_in_tls(struct probe *p, const char *line)
{
    int length = strlen(line);
    return SSL_write(p->tls, line, length) == length && flush(p);
}

static void end(struct probe *p)
{
    close(p->fd);
    if (p->tls)
        SSL_free(p->tls);
    free(p->ders);
    free(p);
    running--;
}

static int keep_certificates(struct probe *p)
{
    CHAIN *chain = SSL_get_peer_cert_chain(p->tls);
    BIO *bio = BIO_new(BIO_s_mem());
    char *data;
    for (int n = 0; n < (chain ? sk_X509_num(chain) : 0); n++)
        i2d_X509_bio(bio, sk_X509_value(chain, n));
    p->ders_length = BIO_get_mem_data(bio, &data);
    p->ders = malloc(p->ders_length + 1);
    memcpy(p->ders, data, p->ders_length);
    BIO_free(bio);
    return p->ders_length > 0;
}

static int shake(struct probe *p)
{
    ERR_clear_error();
    int done = SSL_do_handshake(p->tls);
    if (!flush(p))
        return 0;
    if (done != 1)
        return SSL_get_error(p->tls, done) == WANT_READ;
    p->stage = EHLO_TLS;
    return keep_certificates(p) && say_in_tls(p, "EHLO [127.0.0.1]\r\n");
}

static int begin_tls(struct probe *p)
{
    p->tls = SSL_new(context);
    p->in = BIO_new(BIO_s_mem());
    p->out = BIO_new(BIO_s_mem());
    SSL_set_bio(p->tls, p->in, p->out);
    SSL_set_tlsext_host_name(p->tls, name);
    SSL_set_connect_state(p->tls);
    return shake(p);
}

/* A whole reply arrived: the next command. 0 ends the probe. */
static int answer(struct probe *p)
{
    p->length = 0;
    if (p->reply[0] != '2')
        return 0;
    switch (p->stage) {
    case GREETING:
        p->stage = EHLO;
        return say(p, "EHLO [127.0.0.1]\r\n", 18);
    case EHLO:
        p->stage = STARTTLS;
        return say(p, "STARTTLS\r\n", 10);
    case STARTTLS:
        p->stage = HANDSHAKE;
        return begin_tls(p);
    case EHLO_TLS:
        p->stage = QUIT;
        return say_in_tls(p, "QUIT\r\n");
    default:
        succeeded++;
        SSL_shutdown(p->tls);
        flush(p);
        return 0;
    }
}

/* The last line is there, and is the last of its reply (RFC 5321 §4.2.1). */
static int whole(const struct probe *p)
{
    if (p->length < 5 || p->reply[p->length - 1] != '\n')
        return 0;
    const char *before = memrchr(p->reply, '\n', p->length - 1);
    const char *line = before ? before + 1 : p->reply;
    return p->reply + p->length - line >= 5 && line[3] == ' ';
}

static int hear(struct probe *p)
{
    if (p->stage < HANDSHAKE) {
        int n = recv(p->fd, p->reply + p->length, sizeof p->reply - p->length, 0);
        if (n <= 0)
            return n < 0 && errno == EAGAIN;
        p->length += n;
        return !whole(p) || answer(p);
    }
    char data[65536];
    int n = recv(p->fd, data, sizeof data, 0);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    BIO_write(p->in, data, n);
    if (p->stage == HANDSHAKE)
        return shake(p);
    ERR_clear_error();
    while ((n = SSL_read(p->tls, p->reply + p->length, sizeof p->reply - p->length)) > 0)
        p->length += n;
    return whole(p) ? answer(p) : SSL_get_error(p->tls, n) == WANT_READ;
}

static void begin(struct in_addr address, int port)
{
    struct probe *p = calloc(1, sizeof *p);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = address};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = p};
    running++;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || (connect(p->fd, (struct sockaddr *)&to, sizeof to) && errno != EINPROGRESS)) {
        perror("connect");
        end(p);
        return;
    }
    epoll_ctl(poller, EPOLL_CTL_ADD, p->fd, &event);
}

/* As probe/wire/offer.py has it, ciphers, suites and groups handed over; with roots it verifies in the handshake. */
int client_prepare(void *const *table, const char *const *words, const char *sni, const char *roots)
{
    take_functions(table);
    name = sni;
    context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_options(context, LEGACY_SERVER_CONNECT);
    SSL_CTX_set_mode(context, MODE_PARTIAL_WRITE | MODE_MOVING_BUFFER);
    SSL_CTX_set_verify(context, roots ? VERIFY_PEER : VERIFY_NONE, NULL);
    return SSL_CTX_set_cipher_list(context, words[0]) && SSL_CTX_set_ciphersuites(context, words[1]) &&
           SSL_CTX_set1_curves_list(context, words[2]) &&
           (!roots || SSL_CTX_load_verify_locations(context, roots, NULL));
}

int client_run(const char *const *addresses, int count, int port, int in_flight)
{
    struct epoll_event events[256];
    int next = 0;
    poller = epoll_create1(EPOLL_CLOEXEC);
    succeeded = 0;
    while (next < count || running) {
        while (next < count && running < in_flight) {
            struct in_addr address;
            inet_pton(AF_INET, addresses[next++], &address);
            begin(address, port);
        }
        int ready = running ? epoll_wait(poller, events, 256, -1) : 0;
        for (int n = 0; n < ready; n++)
            if (!hear(events[n].data.ptr))
                end(events[n].data.ptr);
    }
    close(poller);
    return succeeded;
}
