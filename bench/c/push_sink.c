// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
//
// A push service that accepts every message at once: TLS, HTTP/2 or HTTP/1.1 as the sender chooses,
// one thread. It responds 201 to every POST and counts; nothing is decrypted, stored or checked.
//
//     push_sink CERTIFICATE.pem KEY.pem [ADDRESS]      prints its port; listens at 127.0.0.1
//
// GET /counts (HTTP/1.1)  {"requests","bytes","connections","first","last"}, seconds of the
//                         monotonic clock at the first and the last response since the last /reset
// GET /reset              sets them to zero
// GET /last               the body of the last POST
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 1024, EVENTS = 256, READ_SIZE = 1 << 16, MAX_STREAMS = 1000, MAX_BODY = 1 << 13 };
#define WINDOW (1 << 24)

typedef struct {
  char *data;
  size_t length, room, sent;
} Buffer;

typedef struct {
  int socket;
  int writing;  // the loop waits for room to write
  SSL *tls;
  nghttp2_session *http2;  // NULL: HTTP/1.1, whose unread bytes are in `in`
  Buffer in, out;
  size_t body;  // of the POST whose DATA frames are being read
} Connection;

static struct {
  unsigned long long requests, bytes, connections;
  double first, last;
  char body[MAX_BODY];
  size_t body_length;
} counts;

static int loop;
static SSL_CTX *context;
static nghttp2_session_callbacks *callbacks;

static void die(const char *what) {
  perror(what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void append(Buffer *buffer, const void *data, size_t length) {
  if (buffer->length + length > buffer->room) {
    buffer->room = (buffer->length + length) * 2;
    buffer->data = realloc(buffer->data, buffer->room);
    if (buffer->data == NULL) die("memory");
  }
  memcpy(buffer->data + buffer->length, data, length);
  buffer->length += length;
}

static void drop(Buffer *buffer, size_t length) {
  memmove(buffer->data, buffer->data + length, buffer->length - length);
  buffer->length -= length;
}

static void count(size_t bytes) {
  counts.last = now();
  if (counts.requests++ == 0) counts.first = counts.last;
  counts.bytes += bytes;
}

static void keep(size_t at, const void *data, size_t length) {
  if (at + length > MAX_BODY) return;
  memcpy(counts.body + at, data, length);
  counts.body_length = at + length;
}

// HTTP/2

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data,
                   size_t length, void *argument) {
  (void)session, (void)flags;
  Connection *connection = argument;
  // A body in several frames is kept only if no frames of another stream arrive in between.
  static int32_t whose;
  if (whose != stream) connection->body = 0;
  whose = stream;
  keep(connection->body, data, length);
  connection->body += length;
  counts.bytes += length;
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *argument) {
  Connection *connection = argument;
  if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
  if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  static uint8_t name[] = ":status", value[] = "201", ttl[] = "ttl", zero[] = "0";
  const nghttp2_nv answer[] = {
      {name, value, sizeof name - 1, sizeof value - 1, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE},
      {ttl, zero, sizeof ttl - 1, sizeof zero - 1, NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE}};
  connection->body = 0;
  count(0);
  return nghttp2_submit_response(session, frame->hd.stream_id, answer, 2, NULL);
}

static void begin_http2(Connection *connection) {
  if (nghttp2_session_server_new(&connection->http2, callbacks, connection) != 0) die("nghttp2");
  const nghttp2_settings_entry settings[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW}};
  nghttp2_submit_settings(connection->http2, NGHTTP2_FLAG_NONE, settings, 2);
  nghttp2_session_set_local_window_size(connection->http2, NGHTTP2_FLAG_NONE, 0, WINDOW);
}

// HTTP/1.1

static const char *header(const char *head, const char *end, const char *name) {
  size_t length = strlen(name);
  for (const char *line = head; line != NULL && line < end; line = strstr(line, "\r\n")) {
    if (*line == '\r') line += 2;
    if (strncasecmp(line, name, length) == 0) return line + length;
  }
  return NULL;
}

static void answer_get(Connection *connection, const char *path) {
  char head[256], json[256];
  const char *body = json;
  size_t length = (size_t)snprintf(
      json, sizeof json, "{\"requests\":%llu,\"bytes\":%llu,\"connections\":%llu,\"first\":%.6f,\"last\":%.6f}",
      counts.requests, counts.bytes, counts.connections, counts.first, counts.last);
  if (strncmp(path, "/last ", 6) == 0) {
    body = counts.body;
    length = counts.body_length;
  }
  int head_length = snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", length);
  append(&connection->out, head, (size_t)head_length);
  append(&connection->out, body, length);
  if (strncmp(path, "/reset ", 7) == 0) memset(&counts, 0, sizeof counts);
}

static void read_http1(Connection *connection) {
  static const char created[] = "HTTP/1.1 201 Created\r\nTTL: 0\r\nContent-Length: 0\r\n\r\n";
  Buffer *in = &connection->in;
  for (;;) {
    append(in, "", 1), in->length--;  // a zero after the end, for strstr
    const char *end = in->length ? strstr(in->data, "\r\n\r\n") : NULL;
    if (end == NULL) return;
    const char *size = header(in->data, end, "content-length:");
    size_t body = size ? strtoul(size, NULL, 10) : 0, head = (size_t)(end - in->data) + 4;
    if (in->length < head + body) return;
    if (strncmp(in->data, "POST ", 5) == 0) {
      keep(0, in->data + head, body);
      count(body);
      append(&connection->out, created, sizeof created - 1);
    } else if (strncmp(in->data, "GET ", 4) == 0) {
      answer_get(connection, in->data + 4);
    }
    drop(in, head + body);
  }
}

// Connections

static void shut(Connection *connection) {
  if (connection->http2 != NULL) nghttp2_session_del(connection->http2);
  SSL_free(connection->tls);
  close(connection->socket);
  free(connection->in.data);
  free(connection->out.data);
  free(connection);
}

static void open_new(int listener) {
  int socket;
  while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Connection *connection = calloc(1, sizeof *connection);
    if (connection == NULL) die("memory");
    connection->socket = socket;
    connection->tls = SSL_new(context);
    SSL_set_fd(connection->tls, socket);
    SSL_set_accept_state(connection->tls);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    epoll_ctl(loop, EPOLL_CTL_ADD, socket, &event);
  }
}

static int take(Connection *connection, const char *data, size_t length) {
  if (connection->http2 == NULL) {
    append(&connection->in, data, length);
    read_http1(connection);
    return 1;
  }
  return nghttp2_session_mem_recv(connection->http2, (const uint8_t *)data, length) >= 0;
}

static int read_all(Connection *connection) {
  static char data[READ_SIZE];
  for (;;) {
    int fresh = !SSL_is_init_finished(connection->tls);
    int length = SSL_read(connection->tls, data, sizeof data);
    if (fresh && SSL_is_init_finished(connection->tls)) {
      const unsigned char *protocol;
      unsigned int size;
      SSL_get0_alpn_selected(connection->tls, &protocol, &size);
      counts.connections++;
      if (size == 2 && memcmp(protocol, "h2", 2) == 0) begin_http2(connection);
    }
    if (length <= 0) return SSL_get_error(connection->tls, length) == SSL_ERROR_WANT_READ;
    if (!take(connection, data, (size_t)length)) return 0;
  }
}

static int write_all(Connection *connection) {
  Buffer *out = &connection->out;
  if (connection->http2 != NULL) {
    const uint8_t *data;
    ssize_t length;
    while ((length = nghttp2_session_mem_send(connection->http2, &data)) > 0)
      append(out, data, (size_t)length);
    if (length < 0) return 0;
  }
  while (out->sent < out->length) {
    int length = SSL_write(connection->tls, out->data + out->sent, (int)(out->length - out->sent));
    if (length <= 0) {
      if (SSL_get_error(connection->tls, length) != SSL_ERROR_WANT_WRITE) return 0;
      break;
    }
    out->sent += (size_t)length;
  }
  int waits = out->sent < out->length;
  if (!waits) out->length = out->sent = 0;
  if (waits != connection->writing) {
    struct epoll_event event = {.events = EPOLLIN | (waits ? EPOLLOUT : 0), .data.ptr = connection};
    epoll_ctl(loop, EPOLL_CTL_MOD, connection->socket, &event);
    connection->writing = waits;
  }
  return 1;
}

static int choose(SSL *tls, const unsigned char **out, unsigned char *length, const unsigned char *in,
                  unsigned int in_length, void *argument) {
  (void)tls, (void)argument;
  static const unsigned char ours[] = "\x02h2\x08http/1.1";
  int chosen = SSL_select_next_proto((unsigned char **)out, length, ours, sizeof ours - 1, in, in_length);
  return chosen == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

static int listen_at(const char *where) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, where, &address.sin_addr) != 1) die(where);
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, BACKLOG) < 0) die("listen");
  getsockname(listener, (struct sockaddr *)&address, &size);
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

static void set_up_tls(const char *certificate, const char *key) {
  context = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) die(certificate);
  if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1) die(key);
  SSL_CTX_set_alpn_select_cb(context, choose, NULL);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_read_ahead(context, 1);
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 4) {
    fprintf(stderr, "usage: push_sink CERTIFICATE.pem KEY.pem [ADDRESS]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  set_up_tls(argv[1], argv[2]);
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  loop = epoll_create1(EPOLL_CLOEXEC);
  int listener = listen_at(argc == 4 ? argv[3] : "127.0.0.1");
  struct epoll_event wanted = {.events = EPOLLIN, .data.ptr = NULL}, happened[EVENTS];
  epoll_ctl(loop, EPOLL_CTL_ADD, listener, &wanted);
  for (;;) {
    int number = epoll_wait(loop, happened, EVENTS, -1);
    for (int i = 0; i < number; i++) {
      Connection *connection = happened[i].data.ptr;
      if (connection == NULL) {
        open_new(listener);
      } else if (!read_all(connection) | !write_all(connection)) {
        shut(connection);
      }
    }
  }
}
