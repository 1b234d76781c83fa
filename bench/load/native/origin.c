// SPDX-License-Identifier: Apache-2.0
// The origin behind every contender: HTTP/1.1, one thread, epoll.
//
// In: `origin PORT BODY_BYTES`. It reads each request to its end (Content-Length or chunked), and only
// then answers 200 with 8 header fields and a body of that many bytes. Out: nothing; it serves until
// it is killed.
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

enum { CONNECTIONS = 20000, HEAD = 8192, SCRATCH = 1 << 17 };

// What is left of the request that a connection is in the middle of.
struct connection {
    size_t head;          // bytes of an unfinished head, kept in `kept`
    size_t body;          // bytes of the body still to come
    int chunked;          // the body ends with the last chunk
    size_t matched;       // how much of the end of a chunked body was seen
    int last;             // close after the answer
    char kept[HEAD];
};

static struct connection *connections[CONNECTIONS];
static char scratch[SCRATCH];
static char *answer, *last_answer;
static size_t answer_length, last_answer_length;

static void die(const char *what) { perror(what); exit(1); }

static char *make_answer(size_t body, const char *connection, size_t *length)
{
    char *message = malloc(body + 1024);
    if (!message) die("malloc");
    int head = sprintf(message,
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n"
        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\nConnection: %s\r\n"
        "Cache-Control: no-store, max-age=0\r\nETag: \"5f3e1c9a7b2d4860\"\r\n"
        "X-Frame-Options: SAMEORIGIN\r\n\r\n", body, connection);
    memset(message + head, 'x', body);
    *length = head + body;
    return message;
}

static void finish(int fd)
{
    close(fd);
    free(connections[fd]);
    connections[fd] = NULL;
}

// A blocking send: answers fit the socket buffer unless the proxy is slow, and then waiting is right.
static int send_answer(int fd, int last)
{
    const char *from = last ? last_answer : answer;
    size_t left = last ? last_answer_length : answer_length;
    while (left > 0) {
        ssize_t sent = send(fd, from, left, MSG_NOSIGNAL);
        if (sent <= 0) return -1;
        from += sent;
        left -= sent;
    }
    return 0;
}

// Takes the head's length and framing. `head` is NUL-terminated.
static void read_head(struct connection *c, const char *head)
{
    c->body = 0;
    c->chunked = 0;
    c->matched = 2;  // an empty chunked body is "0\r\n\r\n": the head's end counts as a line's end
    c->last = strcasestr(head, "\r\nconnection: close") != NULL;
    const char *field = strcasestr(head, "\r\ncontent-length:");
    if (field) c->body = strtoull(field + 17, NULL, 10);
    else if (strcasestr(head, "\r\ntransfer-encoding:")) c->chunked = 1;
}

// How many of `length` bytes belong to the body. A chunked body ends at "\r\n0\r\n\r\n"; the generator
// sends no such bytes as data.
static size_t take_body(struct connection *c, const char *bytes, size_t length)
{
    static const char end[] = "\r\n0\r\n\r\n";
    if (!c->chunked) {
        size_t taken = length < c->body ? length : c->body;
        c->body -= taken;
        return taken;
    }
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == end[c->matched]) c->matched++;
        else c->matched = bytes[i] == '\r';
        if (c->matched == sizeof end - 1) {
            c->chunked = 0;
            return i + 1;
        }
    }
    return length;
}

// Returns -1 when the connection is over.
static int take(int fd, char *bytes, size_t length)
{
    struct connection *c = connections[fd];
    while (length > 0) {
        if (c->body > 0 || c->chunked) {
            size_t taken = take_body(c, bytes, length);
            bytes += taken;
            length -= taken;
        } else {
            size_t room = HEAD - 1 - c->head;
            size_t copied = length < room ? length : room;
            if (copied == 0) return -1;
            memcpy(c->kept + c->head, bytes, copied);
            size_t have = c->head + copied;
            c->kept[have] = 0;
            char *end = memmem(c->kept, have, "\r\n\r\n", 4);
            if (!end) {
                c->head = have;
                bytes += copied;
                length -= copied;
                continue;
            }
            size_t head = end + 4 - c->kept;
            size_t used = head - c->head;
            end[2] = 0;
            read_head(c, c->kept);
            c->head = 0;
            bytes += used;
            length -= used;
        }
        if (c->body == 0 && !c->chunked && c->head == 0) {
            if (send_answer(fd, c->last) < 0 || c->last) return -1;
        }
    }
    return 0;
}

int main(int count, char **arguments)
{
    if (count != 3) {
        fprintf(stderr, "usage: origin PORT BODY_BYTES\n");
        return 2;
    }
    answer = make_answer(strtoull(arguments[2], NULL, 10), "keep-alive", &answer_length);
    last_answer = make_answer(strtoull(arguments[2], NULL, 10), "close", &last_answer_length);

    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(arguments[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) die("bind");
    if (listen(listener, 4096) < 0) die("listen");

    int poll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                int accepted = accept(listener, NULL, NULL);
                if (accepted < 0) continue;
                if (accepted >= CONNECTIONS || !(connections[accepted] = calloc(1, sizeof **connections))) {
                    close(accepted);
                    continue;
                }
                event = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
                epoll_ctl(poll, EPOLL_CTL_ADD, accepted, &event);
                continue;
            }
            ssize_t length = recv(fd, scratch, sizeof scratch, MSG_DONTWAIT);
            if (length == 0 || (length > 0 && take(fd, scratch, length) < 0)) finish(fd);
            else if (length < 0) { /* a spurious wake-up, or an error that the next event repeats */ }
        }
    }
}
