// SPDX-License-Identifier: Apache-2.0
// A collector of traces that swallows them: OTLP over gRPC, HTTP/2 with prior knowledge, a thread for
// each connection.
//
// In: `collector PORT`. It reads each call to its end, counts the spans in its message, and answers
// that all is well. Out: a connection that says "count\n" is told how many spans came so far.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATA = 0, HEADERS = 1, RESET = 3, SETTINGS = 4, PING = 6, GOAWAY = 7, WINDOW_UPDATE = 8 };
enum { END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, CALLS = 256, FRAME = 1 << 14 };

// A call that is not over.
struct call {
    uint32_t stream;  // 0: none
    size_t length, room;
    unsigned char *body;
};

struct connection {
    int fd;
    struct call calls[CALLS];
};

static _Atomic uint64_t spans;

static void die(const char *what) { perror(what); exit(1); }

static int fill(int fd, void *to, size_t length)
{
    return recv(fd, to, length, MSG_WAITALL) == (ssize_t)length ? 0 : -1;
}

static unsigned char *put_frame(unsigned char *to, size_t length, int kind, int flags, uint32_t stream)
{
    unsigned char head[9] = {length >> 16, length >> 8, length, kind, flags,
                             stream >> 24, stream >> 16, stream >> 8, stream};
    return (unsigned char *)memcpy(to, head, 9) + 9;
}

static unsigned char *put_window_update(unsigned char *to, uint32_t stream, uint32_t by)
{
    unsigned char size[4] = {by >> 24, by >> 16, by >> 8, by};
    to = put_frame(to, 4, WINDOW_UPDATE, 0, stream);
    return (unsigned char *)memcpy(to, size, 4) + 4;
}

static int say(int fd, const unsigned char *from, const unsigned char *end)
{
    return send(fd, from, end - from, MSG_NOSIGNAL) == end - from ? 0 : -1;
}

// Streams may have as much on their way as there is, and so may the connection.
static int greet(int fd)
{
    unsigned char out[64], *to = put_frame(out, 6, SETTINGS, 0, 0);
    static const unsigned char window[6] = {0, 4, 0x7f, 0xff, 0xff, 0xff};
    to = (unsigned char *)memcpy(to, window, 6) + 6;
    return say(fd, out, put_window_update(to, 0, 0x7fffffff - 65535));
}

// An empty message, and status 0. The fields are literals that no table is needed for.
static int answer(int fd, uint32_t stream)
{
    static const char head[] = "\x88\x0f\x10\x10" "application/grpc";
    static const char trailers[] = "\x00\x0b" "grpc-status" "\x01" "0";
    unsigned char out[128], *to = put_frame(out, sizeof head - 1, HEADERS, END_HEADERS, stream);
    to = (unsigned char *)memcpy(to, head, sizeof head - 1) + sizeof head - 1;
    to = (unsigned char *)memset(put_frame(to, 5, DATA, 0, stream), 0, 5) + 5;
    to = put_frame(to, sizeof trailers - 1, HEADERS, END_HEADERS | END_STREAM, stream);
    return say(fd, out, (unsigned char *)memcpy(to, trailers, sizeof trailers - 1) + sizeof trailers - 1);
}

static uint64_t number(const unsigned char **at, const unsigned char *end)
{
    uint64_t value = 0;
    for (int shift = 0; *at < end && shift < 64; shift += 7) {
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) break;
    }
    return value;
}

// How many fields of a message are at the end of a path: resource_spans (1), scope_spans (2), spans (2).
static uint64_t count_spans(const unsigned char *at, const unsigned char *end, int depth)
{
    static const int path[] = {1, 2, 2};
    uint64_t found = 0;
    while (at < end) {
        uint64_t key = number(&at, end), length = 0;
        switch (key & 7) {
        case 0: number(&at, end); break;
        case 1: length = 8; break;
        case 2: length = number(&at, end); break;
        case 5: length = 4; break;
        default: return found;
        }
        if (length > (uint64_t)(end - at)) return found;
        if ((key & 7) == 2 && key >> 3 == (uint64_t)path[depth])
            found += depth == 2 ? 1 : count_spans(at, at + length, depth + 1);
        at += length;
    }
    return found;
}

static struct call *find(struct connection *c, uint32_t stream)
{
    for (int i = 0; i < CALLS; i++)
        if (c->calls[i].stream == stream) return &c->calls[i];
    return NULL;
}

static int take_data(struct connection *c, uint32_t stream, int flags, const unsigned char *bytes, size_t length)
{
    struct call *call = find(c, stream);
    if (!call && !(call = find(c, 0))) return -1;
    call->stream = stream;
    size_t padding = 0, whole = length;
    if (flags & PADDED && length > 0) {
        padding = *bytes++;
        length--;
    }
    length -= padding < length ? padding : length;
    if (call->length + length > call->room) {
        call->room = 2 * (call->length + length);
        if (!(call->body = realloc(call->body, call->room))) die("realloc");
    }
    memcpy(call->body + call->length, bytes, length);
    call->length += length;
    unsigned char out[13];
    if (whole && say(c->fd, out, put_window_update(out, 0, whole))) return -1;
    if (!(flags & END_STREAM)) return 0;
    // A byte for compression, which is none, and four of length.
    if (call->length > 5) spans += count_spans(call->body + 5, call->body + call->length, 0);
    call->stream = call->length = 0;
    return answer(c->fd, stream);
}

static int take_frame(struct connection *c)
{
    unsigned char head[9], payload[FRAME], out[17];
    if (fill(c->fd, head, 9)) return -1;
    size_t length = head[0] << 16 | head[1] << 8 | head[2];
    uint32_t stream = (head[5] & 0x7fu) << 24 | head[6] << 16 | head[7] << 8 | head[8];
    if (length > FRAME || fill(c->fd, payload, length)) return -1;
    switch (head[3]) {
    case DATA: return take_data(c, stream, head[4], payload, length);
    case SETTINGS: return head[4] & ACK ? 0 : say(c->fd, out, put_frame(out, 0, SETTINGS, ACK, 0));
    case PING:
        if (head[4] & ACK || length != 8) return 0;
        return say(c->fd, out, (unsigned char *)memcpy(put_frame(out, 8, PING, ACK, 0), payload, 8) + 8);
    case RESET: {
        struct call *call = find(c, stream);
        if (stream && call) call->stream = call->length = 0;
        return 0;
    }
    case GOAWAY: return -1;
    default: return 0;
    }
}

static void *serve(void *of)
{
    struct connection *c = of;
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", question[] = "count\n";
    char start[sizeof preface - 1];
    if (!fill(c->fd, start, 6) && !memcmp(start, question, 6)) {
        dprintf(c->fd, "%llu\n", (unsigned long long)spans);
    } else if (!fill(c->fd, start + 6, sizeof start - 6) && !memcmp(start, preface, sizeof start) && !greet(c->fd)) {
        while (!take_frame(c)) {}
    }
    close(c->fd);
    for (int i = 0; i < CALLS; i++) free(c->calls[i].body);
    free(c);
    return NULL;
}

int main(int count, char **arguments)
{
    if (count != 2) {
        fprintf(stderr, "usage: collector PORT\n");
        return 2;
    }
    int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address)) die("bind");
    if (listen(listener, 64)) die("listen");
    for (;;) {
        struct connection *c = calloc(1, sizeof *c);
        pthread_t thread;
        if (!c) die("calloc");
        if ((c->fd = accept(listener, NULL, NULL)) < 0) die("accept");
        if (pthread_create(&thread, NULL, serve, c)) die("pthread_create");
        pthread_detach(thread);
    }
}
