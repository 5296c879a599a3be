import java.nio.file.Files;
import java.nio.file.Path;
import org.mustangproject.validator.ZUGFeRDValidator;

/** Mustang over many files in one machine: its own command line takes one file at a time. */
class ValidateAll {
    /** Arguments: the folder of the reports, then the PDF files. */
    public static void main(String[] arguments) throws Exception {
        Path reports = Path.of(arguments[0]);
        for (int i = 1; i < arguments.length; i++) {
            String report = new ZUGFeRDValidator().validate(arguments[i]);
            String name = Path.of(arguments[i]).getFileName() + ".xml";
            Files.writeString(reports.resolve(name), report);
        }
    }
}
