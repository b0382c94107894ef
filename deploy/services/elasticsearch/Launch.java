import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.Node;

/** One Elasticsearch node in this process: {@code Launch CONFIG_FOLDER setting=value...}. */
public class Launch {
    public static void main(String[] args) throws Exception {
        Settings.Builder settings = Settings.builder();
        for (int i = 1; i < args.length; i++) {
            String[] setting = args[i].split("=", 2);
            settings.put(setting[0], setting[1]);
        }
        LogConfigurator.configureESLogging();
        Node node = new Node(new Environment(settings.build(), Path.of(args[0])));

        CountDownLatch closed = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                node.close();
            } catch (Exception e) {
                e.printStackTrace();
            }
            closed.countDown();
        }));
        node.start();
        closed.await();  // the node's own threads are daemons
    }
}
