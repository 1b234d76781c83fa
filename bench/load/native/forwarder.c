// SPDX-License-Identifier: Apache-2.0
// The floor: what the kernel alone charges for forwarding, one recv and one send each way.
//
// In: `forwarder PORT ORIGIN_PORT [pooled]`. Plain, each accepted connection gets a connection of its
// own to the origin and bytes are copied without a look at them. With `pooled`, for requests with
// `Connection: close`: connections to the origin are used again, so it overwrites that field both ways, looks for
// the length of the answer, and closes after it. Out: nothing; it serves until it is killed.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SOCKETS = 20000, SCRATCH = 1 << 17, UNKNOWN = -1, NONE = -1 };

// One socket of a pair; the other is `peer`.
static struct side {
    int peer;
    int upstream;
    long left;  // bytes of the answer still to come, of an upstream socket when pooled
} sides[SOCKETS];

static int idle[SOCKETS], idle_count;
static char scratch[SCRATCH + 1];
static int events_of, pooled;
static struct sockaddr_in origin;

static void die(const char *what) { perror(what); exit(1); }

static void watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(events_of, EPOLL_CTL_ADD, fd, &event);
}

static int upstream(int peer)
{
    int fd, on = 1;
    if (idle_count > 0) {
        fd = idle[--idle_count];
    } else {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || fd >= SOCKETS) die("socket");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (connect(fd, (struct sockaddr *)&origin, sizeof origin) < 0) die("connect");
        watch(fd);
    }
    sides[fd] = (struct side){.peer = peer, .upstream = 1, .left = UNKNOWN};
    sides[peer].peer = fd;
    return fd;
}

static void finish(int fd)
{
    int peer = sides[fd].peer;
    close(fd);
    if (peer != NONE) close(peer);
}

// A blocking send: everything measured fits the socket buffers of a peer that reads.
static int send_all(int fd, const char *bytes, long length)
{
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        bytes += sent;
        length -= sent;
    }
    return 0;
}

// Writes `by` over the first `text` in the scratch buffer; both have one length.
static void replace(const char *text, const char *by)
{
    char *at = strcasestr(scratch, text);
    if (at) memcpy(at, by, strlen(by));
}

static long answer_length(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length:"), *end = strstr(head, "\r\n\r\n");
    if (!field || !end) die("an answer without a length");
    return end + 4 - head + strtol(field + 17, NULL, 10);
}

static void ready(int fd)
{
    struct side *side = &sides[fd];
    long length = recv(fd, scratch, SCRATCH, MSG_DONTWAIT);
    if (length < 0) return;
    if (length == 0) { finish(fd); return; }
    scratch[length] = 0;
    if (pooled && !side->upstream) replace("connection: close", "x-closing: absent");
    int peer = side->peer == NONE ? upstream(fd) : side->peer;
    if (pooled && side->upstream && side->left == UNKNOWN) {
        side->left = answer_length(scratch);
        replace("connection: keep-alive", "connection: close     ");
    }
    if (send_all(peer, scratch, length) < 0) { finish(fd); return; }
    if (pooled && side->upstream && (side->left -= length) == 0) {
        close(peer);
        side->peer = NONE;
        idle[idle_count++] = fd;
    }
}

int main(int count, char **arguments)
{
    if (count < 3) {
        fprintf(stderr, "usage: forwarder PORT ORIGIN_PORT [pooled]\n");
        return 2;
    }
    pooled = count > 3;
    origin = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(atoi(arguments[2])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in address = origin;
    address.sin_port = htons(atoi(arguments[1]));

    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(listener, 4096) < 0) die("listen");
    events_of = epoll_create1(0);
    watch(listener);

    struct epoll_event events[256];
    for (;;) {
        int happened = epoll_wait(events_of, events, 256, -1);
        for (int i = 0; i < happened; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) { ready(fd); continue; }
            int accepted = accept(listener, NULL, NULL);
            if (accepted < 0) continue;
            if (accepted >= SOCKETS) die("too many connections");
            sides[accepted] = (struct side){.peer = NONE, .upstream = 0, .left = UNKNOWN};
            if (!pooled) upstream(accepted);
            watch(accepted);
        }
    }
}
