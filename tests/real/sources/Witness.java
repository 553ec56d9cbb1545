// Calls each server by STARTTLS and verifies it as HttpsURLConnection would, then says EHLO once more:
//     java Witness.java NAME PORT CAFILE [PORT CAFILE]…
// Prints its version, then a line for each: port, tab, "" or why it refuses.

import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

class Witness {
    public static void main(String[] words) throws Exception {
        System.out.println("Java " + System.getProperty("java.version"));
        for (int n = 1; n < words.length; n += 2) {
            String why = "";
            try {
                call(words[0], Integer.parseInt(words[n]), trusting(words[n + 1]));
            } catch (Exception problem) {
                why = problem.toString().replaceAll("\\s+", " ");
            }
            System.out.println(words[n] + "\t" + why);
        }
    }

    static SSLContext trusting(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (FileInputStream stream = new FileInputStream(file)) {
            for (Certificate one : CertificateFactory.getInstance("X.509").generateCertificates(stream)) {
                store.setCertificateEntry("anchor" + store.size(), one);
            }
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }

    static void call(String name, int port, SSLContext context) throws Exception {
        try (Socket plain = new Socket("127.0.0.1", port)) {
            plain.setSoTimeout(10_000);
            BufferedReader reader = new BufferedReader(new InputStreamReader(plain.getInputStream()));
            read(reader);
            say(plain, reader, "EHLO witness.example.test");
            say(plain, reader, "STARTTLS");
            SSLSocket tls = (SSLSocket) context.getSocketFactory().createSocket(plain, name, port, true);
            SSLParameters parameters = tls.getSSLParameters();
            parameters.setEndpointIdentificationAlgorithm("HTTPS");
            tls.setSSLParameters(parameters);
            BufferedReader inside = new BufferedReader(new InputStreamReader(tls.getInputStream()));
            say(tls, inside, "EHLO witness.example.test");
        }
    }

    static void say(Socket socket, BufferedReader reader, String line) throws IOException {
        socket.getOutputStream().write((line + "\r\n").getBytes());
        read(reader);
    }

    static void read(BufferedReader reader) throws IOException {
        String line;
        do {
            line = reader.readLine();
            if (line == null) {
                throw new IOException("closed");
            }
        } while (line.startsWith("-", 3));
    }
}
