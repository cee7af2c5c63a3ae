// The HTTP clients of the JVM: the JDK's two and okhttp, driven by lines.
//
// In: one request a line, its parts parted by tabs: how, URL, headers ("name: value|name: value"),
// body. An empty line sends those before it, all at once. Out: an answer a line in the same order,
// then an empty line: status, version, body; or 0, the exception's class, its message.
// `how` is words: a client (httpclient, urlconnection, okhttp), a version (2, 1.1), what gives the
// body (whole, pieces, stream), and `expect` (Expect: 100-continue) or `authenticator`.

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import okhttp3.MediaType;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.RequestBody;
import okio.BufferedSink;

public class Clients {
  static final Duration PATIENCE = Duration.ofSeconds(10);
  static final int PIECES = 3;
  static final Map<List<String>, HttpClient> CLIENTS = new ConcurrentHashMap<>();
  static final OkHttpClient OKHTTP = new OkHttpClient();

  record Asking(List<String> how, URI url, List<String[]> headers, byte[] body) {
    static Asking read(String line) {
      String[] parts = line.split("\t", -1);
      List<String[]> headers =
          Stream.of(parts[2].split("\\|")).filter(each -> !each.isEmpty())
              .map(each -> each.split(": ", 2)).toList();
      return new Asking(
          List.of(parts[0].split(" ")), URI.create(parts[1]), headers,
          parts[3].getBytes(StandardCharsets.UTF_8));
    }

    boolean is(String word) {
      return how.contains(word);
    }

    List<byte[]> pieces() {
      List<byte[]> pieces = new ArrayList<>();
      int size = Math.max(1, (body.length + PIECES - 1) / PIECES);
      for (int from = 0; from < body.length; from += size) {
        pieces.add(Arrays.copyOfRange(body, from, Math.min(body.length, from + size)));
      }
      return pieces;
    }
  }

  public static void main(String[] arguments) throws Exception {
    var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    ExecutorService threads = Executors.newCachedThreadPool();
    List<Callable<String>> batch = new ArrayList<>();
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      if (!line.isEmpty()) {
        Asking asking = Asking.read(line);
        batch.add(() -> answer(asking));
        continue;
      }
      List<Future<String>> answers = batch.stream().map(threads::submit).toList();
      for (Future<String> answer : answers) {
        System.out.println(within(answer));
      }
      System.out.println();
      System.out.flush();
      batch.clear();
    }
    System.exit(0);
  }

  static String within(Future<String> answer) throws Exception {
    try {
      return answer.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (TimeoutException late) {
      return String.join("\t", "0", "" + late, "no answer within " + PATIENCE);
    }
  }

  static String answer(Asking asking) {
    try {
      if (asking.is("httpclient")) return byHttpClient(asking);
      return asking.is("okhttp") ? byOkHttp(asking) : byUrlConnection(asking);
    } catch (Exception failure) {
      return String.join("\t", "0", failure.getClass().getName(), "" + failure.getMessage());
    }
  }

  static String byHttpClient(Asking asking) throws Exception {
    List<String> kind = List.of(asking.is("2") ? "2" : "1.1", "" + asking.is("authenticator"));
    HttpClient client = CLIENTS.computeIfAbsent(kind, each -> client(asking));
    HttpRequest.Builder request =
        HttpRequest.newBuilder(asking.url)
            .timeout(PATIENCE)
            .header("Content-Type", "application/json")
            .expectContinue(asking.is("expect"))
            .POST(publisher(asking));
    asking.headers.forEach(each -> request.header(each[0], each[1]));
    var answer = client.send(request.build(), BodyHandlers.ofString());
    return String.join("\t", "" + answer.statusCode(), "" + answer.version(), answer.body());
  }

  static HttpClient client(Asking asking) {
    HttpClient.Builder builder = HttpClient.newBuilder(); // HTTP/2 is preferred by default
    if (asking.is("1.1")) builder.version(HttpClient.Version.HTTP_1_1);
    if (asking.is("authenticator")) {
      builder.authenticator(
          new Authenticator() {
            @Override
            protected PasswordAuthentication getPasswordAuthentication() {
              return new PasswordAuthentication("user", "password".toCharArray());
            }
          });
    }
    return builder.build();
  }

  static BodyPublisher publisher(Asking asking) {
    if (asking.is("stream")) return BodyPublishers.ofInputStream(() -> new Slow(asking.pieces()));
    if (!asking.is("pieces")) return BodyPublishers.ofByteArray(asking.body);
    return BodyPublishers.concat(
        asking.pieces().stream().map(BodyPublishers::ofByteArray).toArray(BodyPublisher[]::new));
  }

  /** Gives one piece at a time, a moment apart, so that each is sent by itself. */
  static class Slow extends InputStream {
    private final List<byte[]> pieces;

    Slow(List<byte[]> pieces) {
      this.pieces = new ArrayList<>(pieces);
    }

    @Override
    public int read() {
      throw new UnsupportedOperationException();
    }

    @Override
    public int read(byte[] into, int from, int most) throws IOException {
      if (pieces.isEmpty()) return -1;
      pause();
      byte[] piece = pieces.remove(0);
      int given = Math.min(most, piece.length);
      System.arraycopy(piece, 0, into, from, given);
      if (given < piece.length) pieces.add(0, Arrays.copyOfRange(piece, given, piece.length));
      return given;
    }
  }

  static String byUrlConnection(Asking asking) throws Exception {
    var connection = (HttpURLConnection) asking.url.toURL().openConnection();
    connection.setRequestMethod("POST");
    connection.setReadTimeout((int) PATIENCE.toMillis());
    connection.setDoOutput(true);
    connection.setRequestProperty("Content-Type", "application/json");
    if (asking.is("expect")) connection.setRequestProperty("Expect", "100-continue");
    if (asking.is("stream")) connection.setChunkedStreamingMode(64);
    if (asking.is("pieces")) connection.setFixedLengthStreamingMode(asking.body.length);
    asking.headers.forEach(each -> connection.setRequestProperty(each[0], each[1]));
    try (OutputStream out = connection.getOutputStream()) {
      for (byte[] piece : asking.pieces()) {
        out.write(piece);
        out.flush();
        pause();
      }
    }
    int status = connection.getResponseCode();
    InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream();
    String body = in == null ? "" : new String(in.readAllBytes(), StandardCharsets.UTF_8);
    return String.join("\t", "" + status, "HTTP_1_1", body);
  }

  static String byOkHttp(Asking asking) throws Exception {
    var body =
        new RequestBody() {
          @Override
          public MediaType contentType() {
            return MediaType.get("application/json");
          }

          @Override
          public long contentLength() {
            return asking.is("stream") ? -1 : asking.body.length;
          }

          @Override
          public void writeTo(BufferedSink sink) throws IOException {
            for (byte[] piece : asking.is("whole") ? List.of(asking.body) : asking.pieces()) {
              sink.write(piece).flush();
              pause();
            }
          }
        };
    Request.Builder request = new Request.Builder().url(asking.url.toURL()).post(body);
    if (asking.is("expect")) request.header("Expect", "100-continue");
    asking.headers.forEach(each -> request.header(each[0], each[1]));
    try (var answer = OKHTTP.newCall(request.build()).execute()) {
      return String.join(
          "\t", "" + answer.code(), "" + answer.protocol(), answer.body().string());
    }
  }

  static void pause() throws IOException {
    try {
      Thread.sleep(3);
    } catch (InterruptedException interruption) {
      throw new IOException(interruption);
    }
  }
}
