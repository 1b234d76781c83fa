// SPDX-License-Identifier: Apache-2.0
// An open-loop generator: requests are due at fixed times, whether or not answers have come.
//
// In: `pace PORT CONNECTIONS REQUESTS_PER_SECOND SECONDS REQUEST_FILE`. Request i is due at i / rate; it
// goes out on a connection that waits for nothing, or waits for one. Latency counts from when it was due.
// Out: one JSON object with the number of requests, of errors (anything but a 200 of the right length),
// and the latencies in microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { SOCKETS = 4096, SCRATCH = 1 << 17, UNKNOWN = -1 };

static struct connection {
    long due;   // nanoseconds after the start
    long left;  // bytes of the answer still to come
} connections[SOCKETS];

static int idle[SOCKETS], idle_count;
static char request[16384], scratch[SCRATCH + 1];
static size_t request_length;
static long *latencies, done, errors;

static void die(const char *what) { perror(what); exit(1); }

static long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000L + time.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    long left = *(const long *)a, right = *(const long *)b;
    return (left > right) - (left < right);
}

static long answer_length(const char *head)
{
    const char *field = strcasestr(head, "\r\ncontent-length:"), *end = strstr(head, "\r\n\r\n");
    if (strncmp(head, "HTTP/1.1 200 ", 13) != 0 || !field || !end) return 0;
    return end + 4 - head + strtol(field + 17, NULL, 10);
}

// Takes what has come; the connection is idle again after the last byte.
static void take(int fd, long start)
{
    struct connection *c = &connections[fd];
    long length = recv(fd, scratch, SCRATCH, MSG_DONTWAIT);
    if (length < 0) return;
    if (length == 0) { errors++; close(fd); return; }
    scratch[length] = 0;
    if (c->left == UNKNOWN) c->left = answer_length(scratch);
    c->left -= length;
    if (c->left < 0) { errors++; close(fd); return; }
    if (c->left > 0) return;
    latencies[done++] = now() - start - c->due;
    idle[idle_count++] = fd;
}

static int dial(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    if (fd < 0 || fd >= SOCKETS) die("socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
    return fd;
}

static double percentile(double share) { return done ? latencies[(long)(share * (done - 1))] / 1e3 : 0; }

int main(int count, char **arguments)
{
    if (count != 6) {
        fprintf(stderr, "usage: pace PORT CONNECTIONS REQUESTS_PER_SECOND SECONDS REQUEST_FILE\n");
        return 2;
    }
    int width = atoi(arguments[2]);
    double rate = atof(arguments[3]), seconds = atof(arguments[4]);
    long total = rate * seconds, sent = 0;
    FILE *file = fopen(arguments[5], "r");
    if (!file) die(arguments[5]);
    request_length = fread(request, 1, sizeof request, file);
    latencies = calloc(total + 1, sizeof *latencies);
    if (!latencies) die("calloc");

    int poll = epoll_create1(0), timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = timer}, events[256];
    epoll_ctl(poll, EPOLL_CTL_ADD, timer, &event);
    for (int i = 0; i < width; i++) {
        int fd = dial(atoi(arguments[1]));
        event.data.fd = fd;
        epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
        idle[idle_count++] = fd;
    }

    // The last answers get a second.
    long start = now(), end = start + (seconds + 1) * 1e9;
    while (done + errors < total && now() < end) {
        long elapsed = now() - start;
        while (sent < total && idle_count > 0 && sent / rate * 1e9 <= elapsed) {
            int fd = idle[--idle_count];
            connections[fd] = (struct connection){.due = sent++ / rate * 1e9, .left = UNKNOWN};
            if (send(fd, request, request_length, MSG_NOSIGNAL) != (ssize_t)request_length) errors++;
        }
        if (sent < total && idle_count > 0) {
            long due = start + sent / rate * 1e9;
            struct itimerspec when = {.it_value = {due / 1000000000L, due % 1000000000L}};
            timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
        }
        int ready = epoll_wait(poll, events, 256, 1000);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == timer) { unsigned long fired; if (read(timer, &fired, sizeof fired) < 0) continue; }
            else take(fd, start);
        }
    }
    double took = (now() - start) / 1e9;
    errors = total - done;
    qsort(latencies, done, sizeof *latencies, ascending);
    printf("{\"requests\": %ld, \"errors\": %ld, \"seconds\": %.6f, \"p50\": %.1f, \"p99\": %.1f}\n",
           done, errors, took, percentile(0.50), percentile(0.99));
    return 0;
}
