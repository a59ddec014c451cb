// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
//
// Thousands of open pages in one thread: they read a stream, and measure the age of each event by
// its time stamp. It also publishes, so that the next event is sent when the last has arrived.
//
//     sse_readers PORT PATH PUBLISH_PORT PUBLISH_PATH PAYLOAD_BYTES BODY_HEAD BODY_TAIL
//
// Commands come on stdin, one per line; the response to each is one line of JSON on stdout:
//
//     connect READERS STALLED    open this many connections, and this many more that stop reading
//     churn PER_MILLE            from now on this many of 1000 readers reconnect per second
//     flat EVENTS WINDOW         publish with up to WINDOW events in flight: the highest rate
//     paced EVENTS PAUSE_MS      publish one at a time: the latency
//     listen EVENTS              another process publishes: when each was first and last read
//
// An event ends with a mark after its padding: "@", its number (6 digits) and when it was sent (16
// digits, microseconds since the epoch). A reader that has the mark has the event. All readers that
// were connected when it was sent should get it; one that does not arrive within ten seconds is lost.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { NUMBER = 6, STAMP = 16, MARK = NUMBER + STAMP, PATIENCE = 10000000, AT_ONCE = 32 };
enum state { CLOSED, CONNECTING, ASKED, OPEN };

struct reader {
    int fd;
    enum state state;
    bool stalled;
    uint32_t joined, seen;  // the last event sent before it came, and the last it has read
    int have;               // digits of a mark so far; -1 outside a mark
    char mark[MARK];
};

struct event { uint32_t owed, read; uint64_t first, last; };

static int port, publish_port, poll_fd, publish_fd;
static const char *path, *publish_path, *body_head, *body_tail;
static size_t payload;
static struct reader *readers;
static size_t reader_count, opened, stalled_wanted, unfinished;
static struct event *events;
static uint32_t first_event, sent, events_end, done_events;
static bool publishing_now;
static uint32_t *latencies;
static size_t latency_count, latency_room;
static uint64_t deliveries, bytes, duplicates, refused, reconnects;
static double churn_per_second;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void fail(const char *what) { perror(what); exit(1); }

static int dial(int to, bool wait) {
    int fd = socket(AF_INET, SOCK_STREAM | (wait ? 0 : SOCK_NONBLOCK), 0);
    if (fd < 0) fail("socket");
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(to)};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&where, sizeof where) && errno != EINPROGRESS) fail("connect");
    return fd;
}

static void watch(int how, struct reader *reader, uint32_t what) {
    struct epoll_event event = {.events = what, .data.ptr = reader};
    if (epoll_ctl(poll_fd, how, reader->fd, &event)) fail("epoll_ctl");
}

static void open_reader(struct reader *reader) {
    reader->fd = dial(port, false);
    reader->state = CONNECTING;
    reader->have = -1;
    int small = 4096;
    if (reader->stalled) setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    watch(EPOLL_CTL_ADD, reader, EPOLLOUT);
    unfinished++;
}

static bool event_is_measured(uint32_t number) { return number >= first_event && number < events_end; }

static void settle(struct event *event) { if (--event->owed == 0) done_events++; }

static void close_reader(struct reader *reader) {
    for (uint32_t n = reader->seen + 1; reader->state == OPEN && !reader->stalled && n <= sent; n++)
        if (event_is_measured(n) && n > reader->joined && events[n - first_event].owed)
            settle(&events[n - first_event]);
    if (reader->state == OPEN) opened--;
    else unfinished--;
    reader->state = CLOSED;
    close(reader->fd);
}

static void ask(struct reader *reader) {
    char request[512];
    int length = snprintf(request, sizeof request,
        "GET %s HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n", path);
    if (send(reader->fd, request, length, MSG_NOSIGNAL) != length) fail("send");
    reader->state = ASKED;
    watch(EPOLL_CTL_MOD, reader, EPOLLIN);
}

static void answered(struct reader *reader, const char *data, size_t size) {
    if (size < 12 || memcmp(data + 9, "200", 3)) {
        if (!refused++) fprintf(stderr, "sse_readers: refused: %.*s\n", (int)(size < 60 ? size : 60), data);
    }
    reader->state = OPEN;
    reader->joined = reader->seen = sent;
    opened++;
    unfinished--;
    if (reader->stalled) watch(EPOLL_CTL_DEL, reader, 0);
}

static void delivered(struct reader *reader) {
    uint64_t at = now(), stamp = 0;
    uint32_t number = 0;
    for (int i = 0; i < NUMBER; i++) number = number * 10 + reader->mark[i] - '0';
    for (int i = NUMBER; i < MARK; i++) stamp = stamp * 10 + reader->mark[i] - '0';
    if (!event_is_measured(number)) return;
    if (number <= reader->seen) { duplicates++; return; }
    reader->seen = number;
    deliveries++;
    struct event *event = &events[number - first_event];
    event->read++;
    if (!event->first) event->first = at;
    event->last = at;
    if (latency_count < latency_room) latencies[latency_count++] = at > stamp ? at - stamp : 0;
    if (number > reader->joined && event->owed) settle(event);
}

static void read_marks(struct reader *reader, const char *data, size_t size) {
    const char *end = data + size;
    while (data < end) {
        if (reader->have < 0) {
            data = memchr(data, '@', end - data);
            if (!data) return;
            data++;
            reader->have = 0;
        }
        while (data < end && reader->have < MARK) reader->mark[reader->have++] = *data++;
        if (reader->have == MARK) {
            reader->have = -1;
            delivered(reader);
        }
    }
}

static void readable(struct reader *reader) {
    static char buffer[1 << 16];
    ssize_t size = recv(reader->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) {
        refused++;
        close_reader(reader);
        return;
    }
    if (reader->state == ASKED) answered(reader, buffer, size);
    bytes += size;
    if (!reader->stalled) read_marks(reader, buffer, size);
}

// A new connection for each request: a publisher may close one after its response, as pushpin does.
static void dial_publisher(void) {
    publish_fd = dial(publish_port, true);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (epoll_ctl(poll_fd, EPOLL_CTL_ADD, publish_fd, &event)) fail("epoll_ctl");
}

static void publish(void) {
    static char body[1 << 16], request[1 << 17];
    uint32_t number = ++sent;
    events[number - first_event].owed = opened - stalled_wanted;
    size_t padding = payload - MARK - 1;
    char *pad = body + sprintf(body, "%s", body_head);
    memset(pad, 'x', padding);
    sprintf(pad + padding, "@%0*u%0*llu%s", NUMBER, number, STAMP, (unsigned long long)now(), body_tail);
    int length = sprintf(request,
        "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
        publish_path, strlen(body), body);
    dial_publisher();
    if (send(publish_fd, request, length, MSG_NOSIGNAL) != length) fail("publish");
    publishing_now = true;
}

static void published(void) {
    char answer[4096] = "";
    ssize_t size = recv(publish_fd, answer, sizeof answer, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size < 12 || answer[9] != '2') {
        fprintf(stderr, "sse_readers: not published: %.*s\n", size < 0 ? 0 : (int)size, answer);
        exit(1);
    }
    publishing_now = false;
    close(publish_fd);
}

static void turn(int wait_ms) {
    struct epoll_event ready[512];
    int count = epoll_wait(poll_fd, ready, 512, wait_ms);
    for (int i = 0; i < count; i++) {
        struct reader *reader = ready[i].data.ptr;
        if (!reader) published();
        else if (reader->state == CONNECTING) ask(reader);
        else if (reader->state != CLOSED) readable(reader);
    }
}

static void churn(uint64_t since, uint64_t *made) {
    static size_t next;
    uint64_t due = churn_per_second * (now() - since) / 1e6;
    for (; *made < due && unfinished < AT_ONCE; ++*made) {
        struct reader *reader = &readers[next++ % reader_count];
        if (reader->state != OPEN || reader->stalled) continue;
        close_reader(reader);
        open_reader(reader);
        reconnects++;
    }
}

// Reconnects readers that were refused while all connected at once, as browsers do; returns their number.
static unsigned ask_again(void) {
    unsigned again = 0;
    for (size_t i = 0; i < reader_count; i++) {
        if (readers[i].state != CLOSED) continue;
        open_reader(&readers[i]);
        refused--;
        again++;
    }
    return again;
}

static void connect_all(size_t wanted, size_t stalled) {
    reader_count = wanted + stalled;
    stalled_wanted = stalled;
    readers = calloc(reader_count, sizeof *readers);
    if (!readers) fail("calloc");
    uint64_t start = now();
    for (size_t i = 0; i < reader_count; i++) {
        readers[i].stalled = i >= wanted;
        open_reader(&readers[i]);
        while (unfinished >= AT_ONCE) turn(1000);
    }
    unsigned again = 0;
    for (int attempt = 0; attempt < 3; attempt++) {
        while (unfinished && now() - start < 6 * PATIENCE) turn(100);
        for (int i = 0; i < 20; i++) turn(10);
        if (attempt < 2) again += ask_again();
    }
    printf("{\"connected\": %zu, \"refused\": %llu, \"again\": %u, \"seconds\": %.3f}\n", opened,
        (unsigned long long)refused, again, (now() - start) / 1e6);
}

static void begin(uint32_t count) {
    free(events);
    free(latencies);
    events = calloc(count, sizeof *events);
    latency_room = (size_t)count * reader_count;
    latencies = malloc(latency_room * sizeof *latencies);
    if (!events || !latencies) fail("malloc");
    first_event = sent + 1;
    events_end = first_event + count;
    done_events = latency_count = deliveries = bytes = duplicates = reconnects = 0;
}

static int by_size(const void *a, const void *b) {
    uint32_t one = *(const uint32_t *)a, other = *(const uint32_t *)b;
    return (one > other) - (one < other);
}

static double percentile(double share) {
    size_t at = share * latency_count;
    return latency_count ? latencies[at < latency_count ? at : latency_count - 1] / 1e3 : 0;
}

static void report(double seconds) {
    uint64_t lost = 0;
    for (uint32_t n = first_event; n <= sent; n++) lost += events[n - first_event].owed;
    qsort(latencies, latency_count, sizeof *latencies, by_size);
    printf("{\"deliveries\": %llu, \"seconds\": %.6f, \"bytes\": %llu, \"lost\": %llu, "
        "\"duplicates\": %llu, \"ended\": %llu, \"reconnects\": %llu, "
        "\"p50\": %.3f, \"p99\": %.3f, \"most\": %.3f}\n",
        (unsigned long long)deliveries, seconds, (unsigned long long)bytes,
        (unsigned long long)lost, (unsigned long long)duplicates, (unsigned long long)refused,
        (unsigned long long)reconnects, percentile(.5), percentile(.99), percentile(1));
}

static void run(uint32_t count, uint32_t window, int pause_ms) {
    begin(count);
    uint64_t start = now(), progress = start, before = 0, churned = 0, quiet_until = 0;
    while (done_events < count) {
        uint32_t sent_here = sent + 1 - first_event;
        if (sent_here < count && !publishing_now && sent_here - done_events < window && now() >= quiet_until)
            publish();
        if (churn_per_second > 0) churn(start, &churned);
        uint32_t done = done_events;
        turn(pause_ms || churn_per_second > 0 ? 1 : 100);
        if (done_events > done && pause_ms) quiet_until = now() + pause_ms * 1000;
        if (deliveries != before) before = deliveries, progress = now();
        if (now() - progress > PATIENCE) break;
    }
    report((now() - start) / 1e6);
    while (publishing_now) turn(100);
}

static void listen_to(uint32_t count) {
    begin(count);
    sent = events_end - 1;
    for (uint32_t n = 0; n < count; n++) events[n].owed = opened - stalled_wanted;
    printf("{\"listening\": %u}\n", first_event);
    fflush(stdout);
    uint64_t progress = now(), before = 0;
    while (done_events < count && now() - progress < 3 * PATIENCE) {
        turn(100);
        if (deliveries != before) before = deliveries, progress = now();
    }
    printf("[");
    for (uint32_t n = 0; n < count; n++)
        printf("%s{\"read\": %u, \"first\": %llu, \"last\": %llu}", n ? ", " : "", events[n].read,
            (unsigned long long)events[n].first, (unsigned long long)events[n].last);
    printf("]\n");
}

int main(int count, char **given) {
    if (count != 8) return fprintf(stderr, "usage: see the head of the source\n"), 2;
    port = atoi(given[1]), path = given[2], publish_port = atoi(given[3]), publish_path = given[4];
    payload = atoi(given[5]), body_head = given[6], body_tail = given[7];
    if (payload <= MARK || payload > 8192) return fprintf(stderr, "a payload of 24 to 8192 bytes\n"), 2;
    poll_fd = epoll_create1(0);
    char line[256];
    unsigned a, b;
    while (fgets(line, sizeof line, stdin)) {
        if (sscanf(line, "connect %u %u", &a, &b) == 2) connect_all(a, b);
        else if (sscanf(line, "churn %u", &a) == 1) printf("{\"churn\": %u}\n", a), churn_per_second = a * 1e-3 * reader_count;
        else if (sscanf(line, "flat %u %u", &a, &b) == 2) run(a, b, 0);
        else if (sscanf(line, "paced %u %u", &a, &b) == 2) run(a, 1, b);
        else if (sscanf(line, "listen %u", &a) == 1) listen_to(a);
        else return fprintf(stderr, "sse_readers: no such command: %s", line), 2;
        fflush(stdout);
    }
    return 0;
}
