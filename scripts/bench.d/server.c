/* Many mail servers in one process: each address of 127.0.0.0/8 is one, and shows a leaf of its own. The address
 * 127.A.B.x has number 256 A + B, and the leaf of that number modulo the leaves that there are. Every reply of SMTP
 * comes a fixed time after its command; replies thus fall due in the order in which they were queued. */
#define _GNU_SOURCE
#include "libssl.h"
#include <arpa/inet.h>

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define WORDS \
    "250-PIPELINING\r\n250-SIZE 52428800\r\n250-ETRN\r\n%s250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"

struct client {
    int fd, shaking, tls_next, last, gone;
    SSL *tls;
    int number;
    const char *reply; /* waits until due */
    int64_t due;
    struct client *later;
    int length;
    char line[512];
};

static SSL_CTX *contexts[2]; /* of the two kinds of leaf: each with its issuer */
static EVP_PKEY *keys[2];
static X509 **leaves;
static int leaf_count, poller, delay;
static struct client *first, **last = &first;
static char ehlo[512], ehlo_tls[512];

static int64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void end(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->gone = 1;
    if (c->reply)
        return; /* it stands in the queue, which frees it */
    if (c->tls)
        SSL_free(c->tls);
    free(c);
}

static void say(struct client *c, const char *reply)
{
    int length = strlen(reply);
    if (c->tls)
        SSL_write(c->tls, reply, length);
    else
        send(c->fd, reply, length, MSG_NOSIGNAL);
    if (c->tls_next) {
        int kind = c->number % leaf_count % 2;
        c->tls_next = 0;
        c->shaking = 1;
        c->tls = SSL_new(contexts[kind]);
        SSL_use_certificate(c->tls, leaves[c->number % leaf_count]);
        SSL_use_PrivateKey(c->tls, keys[kind]);
        SSL_set_fd(c->tls, c->fd);
        SSL_set_accept_state(c->tls);
    }
    if (c->last)
        shutdown(c->fd, SHUT_WR);
}

static void queue(struct client *c, const char *reply)
{
    if (!delay) {
        say(c, reply);
        return;
    }
    c->reply = reply;
    c->due = now() + delay;
    c->later = NULL;
    *last = c;
    last = &c->later;
}

static void say_what_is_due(void)
{
    while (first && first->due <= now()) {
        struct client *c = first;
        const char *reply = c->reply;
        first = c->later;
        if (!first)
            last = &first;
        c->reply = NULL;
        if (c->gone)
            end(c);
        else
            say(c, reply);
    }
}

static void obey(struct client *c)
{
    if (!strncasecmp(c->line, "EHLO", 4)) {
        queue(c, c->tls ? ehlo_tls : ehlo);
    } else if (!strncasecmp(c->line, "STARTTLS", 8) && !c->tls) {
        c->tls_next = 1;
        queue(c, "220 2.0.0 Ready to start TLS\r\n");
    } else if (!strncasecmp(c->line, "QUIT", 4)) {
        c->last = 1;
        queue(c, "221 2.0.0 Bye\r\n");
    } else {
        queue(c, "502 5.5.2 Error: command not recognized\r\n");
    }
}

/* 0: the client has gone. */
static int hear(struct client *c)
{
    ERR_clear_error();
    if (c->shaking) {
        int done = SSL_do_handshake(c->tls);
        if (done != 1)
            return SSL_get_error(c->tls, done) == WANT_READ;
        c->shaking = 0;
    }
    int room = sizeof c->line - 1 - c->length;
    int n = c->tls ? SSL_read(c->tls, c->line + c->length, room) : recv(c->fd, c->line + c->length, room, 0);
    if (n <= 0)
        return c->tls ? SSL_get_error(c->tls, n) == WANT_READ : n < 0 && errno == EAGAIN;
    c->length += n;
    c->line[c->length] = 0;
    if (c->line[c->length - 1] == '\n' && !c->reply) {
        c->length = 0;
        obey(c);
    }
    return c->length < (int)sizeof c->line - 1;
}

static void welcome(int listener)
{
    for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;) {
        struct sockaddr_in here = {0};
        socklen_t size = sizeof here;
        getsockname(fd, (struct sockaddr *)&here, &size);
        uint32_t address = ntohl(here.sin_addr.s_addr);
        if (address >> 24 != 127) { /* nobody but this computer */
            close(fd);
            continue;
        }
        struct client *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* else the second ticket waits for an ACK */
        c->fd = fd;
        c->number = address >> 8 & 0xffff;
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
        queue(c, "220 mx.example.com ESMTP Postfix\r\n");
    }
}

static X509 *certificate(const char *folder, const char *file)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, file);
    BIO *bio = BIO_new_file(path, "r");
    X509 *found = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    if (!found)
        fprintf(stderr, "cannot read %s\n", path);
    return found;
}

static int prepare(const char *folder)
{
    static const char *const kinds[2] = {"ecdsa", "rsa"};
    char path[4096];
    for (int n = 0; n < 2; n++) {
        snprintf(path, sizeof path, "%s/%s-issuer.pem", folder, kinds[n]);
        X509 *issuer = certificate(folder, path + strlen(folder) + 1);
        snprintf(path, sizeof path, "%s/%s-key.pem", folder, kinds[n]);
        BIO *bio = BIO_new_file(path, "r");
        keys[n] = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
        contexts[n] = SSL_CTX_new(TLS_server_method());
        if (!issuer || !keys[n] || !SSL_CTX_add_extra_chain_cert(contexts[n], issuer))
            return 0;
        BIO_free(bio);
    }
    return 1;
}

/* leaves.der: the leaves begin..begin+count, of all kinds in turn, one behind the other. */
static int read_leaves(const char *folder, int begin, int count)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/leaves.der", folder);
    BIO *bio = BIO_new_file(path, "r");
    leaves = calloc(count, sizeof *leaves);
    leaf_count = count;
    for (int n = 0; bio && n < begin + count; n++) {
        X509 *leaf = d2i_X509_bio(bio, NULL);
        if (!leaf)
            return 0;
        if (n >= begin)
            leaves[n - begin] = leaf;
    }
    return bio != NULL;
}

static int listening(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in here = {.sin_family = AF_INET}; /* all of 127.0.0.0/8: there is no narrower way */
    socklen_t size = sizeof here;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (bind(fd, (struct sockaddr *)&here, sizeof here) || listen(fd, 65535))
        return -1;
    getsockname(fd, (struct sockaddr *)&here, &size);
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
    printf("%d\n", ntohs(here.sin_port));
    fflush(stdout);
    return fd;
}

/* Says its port on stdout, and serves until it is ended. */
int server_run(void *const *table, const char *folder, int begin, int count, int delay_ms)
{
    struct epoll_event events[256];
    take_functions(table);
    delay = delay_ms;
    snprintf(ehlo, sizeof ehlo, "250-mx.example.com\r\n" WORDS, "250-STARTTLS\r\n");
    snprintf(ehlo_tls, sizeof ehlo_tls, "250-mx.example.com\r\n" WORDS, "");
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!prepare(folder) || !read_leaves(folder, begin, count))
        return 1;
    int listener = listening();
    if (listener < 0)
        return 1;
    for (;;) {
        int64_t wait = first ? first->due - now() : -1;
        int ready = epoll_wait(poller, events, 256, !first ? -1 : wait < 0 ? 0 : (int)wait);
        for (int n = 0; n < ready; n++) {
            struct client *c = events[n].data.ptr;
            if (!c)
                welcome(listener);
            else if (!hear(c))
                end(c);
        }
        say_what_is_due();
    }
}
