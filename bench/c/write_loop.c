// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
//
// The lower bound for any stream server: one thread, epoll, and one write(2) per event and reader.
// It has no channels, no heartbeat, no replay, no HTTP beyond the first line; a reader whose socket
// is full is closed. Prints its port; `POST` sends the body to all readers that sent a `GET`.
//
//     write_loop
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 65536 };

static bool reads[MOST];
static int readers[MOST], place[MOST], reader_count, poll_fd;
static unsigned number;

static void fail(const char *what) { perror(what); exit(1); }

static void forget(int fd) {
    if (reads[fd]) {
        int last = readers[--reader_count];
        readers[place[fd]] = last;
        place[last] = place[fd];
        reads[fd] = false;
    }
    close(fd);
}

static void answer(int fd, const char *said) {
    if (send(fd, said, strlen(said), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) forget(fd);
}

static void join(int fd) {
    reads[fd] = true;
    place[fd] = reader_count;
    readers[reader_count++] = fd;
    answer(fd, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 3000\n\n");
}

static void publish(const char *body) {
    static char event[1 << 16];
    int size = snprintf(event, sizeof event, "event: post\nid: %u\ndata: %s\n\n", ++number, body);
    for (int i = reader_count - 1; i >= 0; i--)
        if (send(readers[i], event, size, MSG_NOSIGNAL | MSG_DONTWAIT) != size) forget(readers[i]);
}

static void heard(int fd) {
    static char request[1 << 16];
    ssize_t size = recv(fd, request, sizeof request - 1, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0) return forget(fd);
    request[size] = 0;
    char *body = strstr(request, "\r\n\r\n");
    if (!body) return forget(fd);
    if (!strncmp(request, "GET ", 4)) return join(fd);
    publish(body + 4);
    answer(fd, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
}

static void watch(int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (fd >= MOST || epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event)) fail("epoll_ctl");
}

int main(void) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in where = {.sin_family = AF_INET};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    if (bind(listener, (struct sockaddr *)&where, size) || listen(listener, 4096)) fail("listen");
    getsockname(listener, (struct sockaddr *)&where, &size);
    printf("%d\n", ntohs(where.sin_port));
    fflush(stdout);
    poll_fd = epoll_create1(0);
    watch(listener);
    struct epoll_event ready[512];
    for (;;) {
        int count = epoll_wait(poll_fd, ready, 512, -1);
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd != listener) heard(ready[i].data.fd);
            else for (int fd; (fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0;) watch(fd);
        }
    }
}
